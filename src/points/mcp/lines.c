#include "points/mcp/lines.h"

enum { CHUNK_BYTES = 64 << 10, IN_KEEP_BYTES = 256 << 10 };

struct write {
	uv_write_t req;
	size_t n;
	char bytes[];
};

enum rv_code rv_mcp_lines_init(struct rv_mcp_lines *l, uv_loop_t *loop, size_t max_line,
	size_t max_waiting, struct rv_err *err)
{
	*l = (struct rv_mcp_lines){ .max_line = max_line, .max_waiting = max_waiting };
	rv_buf_init(&l->in, max_line + CHUNK_BYTES);
	l->chunk = malloc(CHUNK_BYTES);
	if (!l->chunk)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	(void)uv_pipe_init(loop, &l->pipe, 0); /* cannot fail */
	l->pipe.data = l;
	return RV_OK;
}

void rv_mcp_lines_done(struct rv_mcp_lines *l)
{
	rv_buf_done(&l->in);
	free(l->chunk);
	l->chunk = NULL;
}

void rv_mcp_lines_stop(struct rv_mcp_lines *l)
{
	l->is_over = true;
	(void)uv_read_stop((uv_stream_t *)&l->pipe); /* cannot fail */
}

static void over(struct rv_mcp_lines *l, const char *why)
{
	if (l->is_over)
		return;
	rv_mcp_lines_stop(l);
	l->end(l->arg, why);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct rv_mcp_lines *l = h->data;
	*ret = uv_buf_init(l->chunk, CHUNK_BYTES);
}

/* Hands out the whole lines that in holds, and keeps the rest at its front. */
static void cut(struct rv_mcp_lines *l)
{
	size_t at = 0;
	while (!l->is_over) {
		struct rv_str rest = rv_str_n(l->in.p + at, l->in.n - at);
		size_t end = rv_str_find(rest, '\n', l->scanned - at);
		if (end == SIZE_MAX)
			break;
		struct rv_str line = rv_str_sub(rest, 0, end);
		at += end + 1;
		l->scanned = at;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > l->max_line)
			over(l, "a line is too long");
		else if (line.n > 0)
			l->line(l->arg, line);
	}
	if (l->is_over)
		return;
	memmove(l->in.p, l->in.p + at, l->in.n - at);
	l->in.n -= at;
	l->scanned = l->in.n;
	if (l->in.n > l->max_line)
		over(l, "a line is too long");
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct rv_mcp_lines *l = s->data;
	if (l->is_over || n == 0)
		return;
	if (n < 0) {
		over(l, n == UV_EOF ? NULL : uv_strerror((int)n));
		return;
	}
	rv_buf_add(&l->in, rv_str_n(buf->base, (size_t)n));
	if (l->in.failed) {
		over(l, "a line is too long");
		return;
	}
	cut(l);
	if (!l->is_over && l->in.n == 0 && l->in.cap > IN_KEEP_BYTES) {
		rv_buf_done(&l->in);
		rv_buf_init(&l->in, l->max_line + CHUNK_BYTES);
	}
}

void rv_mcp_lines_start(struct rv_mcp_lines *l)
{
	int r = uv_read_start((uv_stream_t *)&l->pipe, on_alloc, on_read);
	if (r != 0)
		over(l, uv_strerror(r));
}

static void on_written(uv_write_t *req, int status)
{
	struct write *w = (struct write *)req;
	struct rv_mcp_lines *l = req->handle->data;
	free(w);
	if (status < 0 && status != UV_ECANCELED)
		over(l, uv_strerror(status));
}

enum rv_code rv_mcp_lines_send(struct rv_mcp_lines *l, struct rv_str line, struct rv_err *err)
{
	uv_stream_t *s = (uv_stream_t *)&l->pipe;
	const uv_buf_t parts[2] = { uv_buf_init((char *)line.p, (unsigned)line.n), /* only read */
		uv_buf_init((char *)"\n", 1) };
	if (l->is_over)
		return RV_FAIL(err, RV_ECLOSED, "the other side is gone");
	if (uv_stream_get_write_queue_size(s) > l->max_waiting)
		return RV_FAIL(err, RV_EBUSY, "the other side does not read what it is sent");
	size_t done = 0;
	if (uv_stream_get_write_queue_size(s) == 0) {
		int r = uv_try_write(s, parts, 2);
		if (r < 0 && r != UV_EAGAIN)
			return RV_FAIL(err, RV_ECLOSED, "%s", uv_strerror(r));
		done = r < 0 ? 0 : (size_t)r;
	}
	if (done == line.n + 1)
		return RV_OK;
	struct write *w = malloc(sizeof *w + line.n + 1 - done);
	if (!w)
		return RV_FAIL(err, RV_ENOMEM, "out of memory");
	w->n = line.n + 1 - done;
	if (done < line.n)
		memcpy(w->bytes, line.p + done, line.n - done);
	w->bytes[w->n - 1] = '\n';
	const uv_buf_t rest = uv_buf_init(w->bytes, (unsigned)w->n);
	int r = uv_write(&w->req, s, &rest, 1, on_written);
	if (r == 0)
		return RV_OK;
	free(w);
	return RV_FAIL(err, RV_ECLOSED, "%s", uv_strerror(r));
}
