/* Whom a client talks to: the URL, the head of a request to it, and TLS towards it. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "http/client_int.h"
#include "http/codec_int.h"

/* ---- URL ---- */

static enum rv_code bad_url(const char *url, struct rv_err *err)
{
	return RV_FAIL(err, RV_EINVAL,
		"'%s' is not a server: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH", url);
}

static enum rv_code parse_unix(const char *url, struct rv_http_origin *o, struct rv_err *err)
{
	const char *path = url + 5;
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof o->un.sun_path)
		return bad_url(url, err);
	o->scheme = RV_HTTP_UNIX;
	o->un.sun_family = AF_UNIX;
	memcpy(o->un.sun_path, path, n + 1);
	(void)snprintf(o->authority, sizeof o->authority, "localhost"); /* fits */
	return RV_OK;
}

static enum rv_code parse(const char *text, struct rv_http_origin *o, struct rv_err *err)
{
	struct rv_str url = rv_str_of(text);
	if (rv_str_starts(url, RV_STR("unix:")))
		return parse_unix(text, o, err);
	o->scheme = rv_str_starts(url, RV_STR("https://")) ? RV_HTTP_TLS : RV_HTTP_PLAIN;
	if (o->scheme == RV_HTTP_PLAIN && !rv_str_starts(url, RV_STR("http://")))
		return bad_url(text, err);
	struct rv_str authority = rv_str_sub(url, o->scheme == RV_HTTP_TLS ? 8 : 7, url.n);
	if (rv_str_ends(authority, RV_STR("/")))
		authority.n--;
	if (authority.n >= sizeof o->authority || !rv_http_authority_ok(authority, false))
		return bad_url(text, err);
	memcpy(o->authority, authority.p, authority.n);
	struct rv_str host = authority,
		      port = o->scheme == RV_HTTP_TLS ? RV_STR("443") : RV_STR("80");
	bool is_v6 = authority.p[0] == '[';
	size_t end = is_v6 ? rv_str_find(authority, ']', 0) : rv_str_find(authority, ':', 0);
	if (end != SIZE_MAX) {
		host = rv_str_sub(authority, is_v6 ? 1 : 0, end);
		struct rv_str rest = rv_str_sub(authority, end + (is_v6 ? 1 : 0), authority.n);
		if (rest.n > 1)
			port = rv_str_sub(rest, 1, rest.n);
	}
	if (host.n >= sizeof o->host || port.n >= sizeof o->port)
		return bad_url(text, err);
	memcpy(o->host, host.p, host.n);
	memcpy(o->port, port.p, port.n);
	return RV_OK;
}

enum rv_code rv_http_origin_parse(const char *url, struct rv_http_origin *ret, struct rv_err *err)
{
	*ret = (struct rv_http_origin){ 0 };
	RV_TRY(parse(url, ret, err));
	ret->url = strdup(url);
	return ret->url ? RV_OK : RV_FAIL(err, RV_ENOMEM, "no memory for an address");
}

void rv_http_origin_done(struct rv_http_origin *o)
{
	free(o->url);
	o->url = NULL;
}

/* ---- the request ---- */

enum rv_code rv_http_request_build(const struct rv_http_origin *to, const struct rv_http_request *q,
	struct rv_buf *out, struct rv_err *err)
{
	if (q->method == RV_HTTP_METHOD_UNSET || q->method > RV_HTTP_OPTIONS || q->path.n == 0 ||
		q->path.p[0] != '/' || !ct_all(q->path, CT_TARGET))
		return RV_FAIL(err, RV_EINVAL, "'%.*s' is not a request's path", RV_FMT(q->path));
	rv_buf_clear(out);
	rv_buf_addz(out, rv_http_method_name(q->method));
	rv_buf_addc(out, ' ');
	rv_buf_add(out, q->path);
	rv_buf_addz(out, " HTTP/1.1\r\nHost: ");
	rv_buf_addz(out, to->authority);
	rv_buf_add(out, RV_STR("\r\n"));
	for (size_t i = 0; i < q->n_headers; i++) {
		if (!rv_http_header_ok(q->headers[i].name, q->headers[i].value))
			return RV_FAIL(err, RV_EINVAL, "header '%.*s': cannot be sent",
				RV_FMT(q->headers[i].name));
		rv_buf_add(out, q->headers[i].name);
		rv_buf_add(out, RV_STR(": "));
		rv_buf_add(out, q->headers[i].value);
		rv_buf_add(out, RV_STR("\r\n"));
	}
	if (q->body.p) {
		rv_buf_addz(out, "Content-Type: ");
		rv_buf_addz(out, q->type ? q->type : "application/json");
		rv_buf_addz(out, "\r\nContent-Length: ");
		rv_buf_add_u64(out, q->body.n);
		rv_buf_add(out, RV_STR("\r\n"));
	} else if (q->method != RV_HTTP_GET && q->method != RV_HTTP_HEAD) {
		rv_buf_add(out, RV_STR("Content-Length: 0\r\n"));
	}
	rv_buf_add(out, RV_STR("\r\n"));
	rv_buf_add(out, q->body);
	return rv_buf_ok(out, err);
}

/* ---- TLS ---- */

enum rv_code rv_http_tls_client_new(const char *ca_file, SSL_CTX **ret, struct rv_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return RV_FAIL(err, RV_ENOMEM, "TLS cannot start");
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	int ok = ca_file ? SSL_CTX_load_verify_file(ctx, ca_file)
			 : SSL_CTX_set_default_verify_paths(ctx);
	if (ok != 1) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return RV_FAIL(err, RV_EINVAL, "'%s': no usable certificates",
			ca_file ? ca_file : "system roots");
	}
	*ret = ctx;
	return RV_OK;
}

SSL *rv_http_tls_client_open(SSL_CTX *ctx, const struct rv_http_origin *to, int fd)
{
	SSL *ssl = SSL_new(ctx);
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	bool is_ip = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), to->host) == 1;
	ERR_clear_error();
	if (!is_ip &&
		(SSL_set1_host(ssl, to->host) != 1 ||
			SSL_set_tlsext_host_name(ssl, to->host) != 1)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
