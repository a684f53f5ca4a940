/* A shell line, as far as it tells which programs it would run. Not a shell: nothing is expanded. A
 * word with an expansion in it is vague; a command whose program is vague, or a construct that is
 * not understood, becomes a command without a program. */
#include "points/hook/hook.h"

enum { DEPTH_MAX = 16, WORDS_MAX = 512, HEREDOCS_MAX = 8 };

struct heredoc {
	struct rv_str end;
	bool strips_tabs, is_quoted;
};
struct shell {
	struct rv_arena *a;
	struct rv_str s;
	size_t at;
	struct rv_hook_command *cmds;
	size_t *n;
	int depth;
	struct heredoc heredocs[HEREDOCS_MAX]; /* whose bodies begin behind this line */
	size_t n_heredocs;
	struct rv_err *err;
};
struct words {
	struct rv_str v[WORDS_MAX];
	size_t n;
	bool is_vague[WORDS_MAX];
};

static enum rv_code parse(struct rv_arena *a, struct rv_str s, int depth,
	struct rv_hook_command *cmds, size_t *n, struct rv_err *err);

/* ---- commands ---- */

static enum rv_code add(struct shell *p, const struct rv_str *words, size_t n, bool is_vague)
{
	if (*p->n == RV_HOOK_ACTS_MAX)
		return RV_FAIL(
			p->err, RV_ELIMIT, "the line runs more than %d commands", RV_HOOK_ACTS_MAX);
	struct rv_str *kept = rv_arena_array(p->a, n + 1, sizeof *kept);
	if (!kept)
		return RV_FAIL_ARENA(p->err);
	if (n)
		memcpy(kept, words, n * sizeof *kept);
	p->cmds[(*p->n)++] = (struct rv_hook_command){ .program = n ? kept[0] : RV_STR(""),
		.words = kept,
		.n_words = n,
		.is_vague = is_vague };
	return RV_OK;
}

static enum rv_code add_unknown(struct shell *p)
{
	return add(p, NULL, 0, true);
}

static struct rv_str base_of(struct rv_str path)
{
	for (size_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/')
			return rv_str_sub(path, i, path.n);
	return path;
}

static bool is_in(struct rv_str s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rv_str_eqz(s, names[i]))
			return true;
	return false;
}
#define IS_IN(s, ...)                                    \
	is_in((s), (const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static enum rv_code found(struct shell *p, const struct words *w, size_t from);

/* Programs that run the words behind their own. Only options that are known to take a word, or
 * none, are passed over: with any other it cannot be told where the command begins. */
static const struct {
	const char *name, *with_word, *without; /* letters of short options */
	unsigned operands;
	bool takes_assignments, may_be_bare;
} wrappers[] = {
	{ "sudo", "ugCpTDRrth", "nEHkSAbPBisK", 0, true, false },
	{ "doas", "uC", "ns", 0, false, false },
	{ "env", "uC", "i0v", 0, true, true },
	{ "nohup", "", "", 0, false, false },
	{ "time", "", "p", 0, false, true },
	{ "timeout", "ks", "v", 1, false, false },
	{ "nice", "n", "0123456789", 0, false, true },
	{ "setsid", "", "cfw", 0, false, false },
	{ "xargs", "InPLdEsa", "0rtxp", 0, false, true },
	{ "exec", "a", "cl", 0, false, true },
	{ "command", "", "pvV", 0, false, true },
	{ "builtin", "", "", 0, false, true },
};

/* Where the command begins; 0: it cannot be told; w->n: there is none. */
static size_t skip_wrapper(const struct words *w, size_t at, size_t k)
{
	unsigned operands = wrappers[k].operands;
	for (at++; at < w->n; at++) {
		struct rv_str s = w->v[at];
		if (w->is_vague[at] && s.n > 0 && s.p[0] == '-')
			return 0;
		if (rv_str_eqz(s, "--")) {
			at++;
			break;
		}
		if (s.n > 1 && s.p[0] == '-') {
			size_t i = 1;
			while (i < s.n && strchr(wrappers[k].without, s.p[i]))
				i++;
			if (i == s.n)
				continue;
			if (s.p[i] == '-' || !strchr(wrappers[k].with_word, s.p[i]))
				return 0;
			at += i + 1 == s.n; /* its word is the next one, unless it is attached */
			continue;
		}
		if (wrappers[k].takes_assignments && rv_str_find(s, '=', 0) != SIZE_MAX)
			continue;
		if (operands == 0)
			return at;
		operands--;
	}
	return at < w->n ? at + operands : w->n;
}

static enum rv_code nested(struct shell *p, const struct words *w, size_t at)
{
	if (at >= w->n)
		return RV_OK;
	if (w->is_vague[at])
		return add_unknown(p);
	return parse(p->a, w->v[at], p->depth + 1, p->cmds, p->n, p->err);
}

/* sh -c TEXT */
static enum rv_code of_shell(struct shell *p, const struct words *w, size_t at)
{
	for (size_t i = at + 1; i < w->n; i++) {
		struct rv_str s = w->v[i];
		bool is_option = s.n > 1 && (s.p[0] == '-' || s.p[0] == '+');
		if (is_option && s.p[0] == '-' && s.p[1] != '-' && memchr(s.p, 'c', s.n))
			return nested(p, w, i + 1);
		if (!is_option)
			return add_unknown(p); /* a script's file: what it runs is not told here */
	}
	return add_unknown(p); /* reads its commands from elsewhere */
}

/* find … -exec CMD ; and friends */
static enum rv_code of_find(struct shell *p, const struct words *w, size_t at)
{
	for (size_t i = at + 1; i < w->n; i++)
		if (IS_IN(w->v[i], "-exec", "-execdir", "-ok", "-okdir") && i + 1 < w->n) {
			struct words *sub = rv_arena_alloc(p->a, sizeof *sub);
			if (!sub)
				return RV_FAIL_ARENA(p->err);
			for (i++;
				i < w->n && !rv_str_eqz(w->v[i], ";") && !rv_str_eqz(w->v[i], "+");
				i++) {
				sub->is_vague[sub->n] = w->is_vague[i];
				sub->v[sub->n++] = w->v[i];
			}
			RV_TRY(found(p, sub, 0));
		}
	return RV_OK;
}

static enum rv_code of_wrapper(struct shell *p, const struct words *w, size_t from, size_t k)
{
	size_t at = skip_wrapper(w, from, k);
	if (at == 0)
		return add_unknown(p);
	if (at >= w->n)
		return wrappers[k].may_be_bare ? RV_OK : add_unknown(p);
	struct words *rest = rv_arena_alloc(p->a, sizeof *rest);
	if (!rest)
		return RV_FAIL_ARENA(p->err);
	for (size_t i = at; i < w->n; i++) {
		rest->is_vague[rest->n] = w->is_vague[i];
		rest->v[rest->n++] = w->v[i];
	}
	p->depth++;
	enum rv_code code = found(p, rest, 0);
	p->depth--;
	return code;
}

/* A command whose words are known: itself, and what it runs for its part. */
static enum rv_code found(struct shell *p, const struct words *w, size_t from)
{
	bool is_vague = false;
	while (from < w->n && !w->is_vague[from]) { /* assignments before the program */
		size_t eq = rv_str_find(w->v[from], '=', 0);
		bool is_name = eq != SIZE_MAX && eq > 0;
		for (size_t i = 0; is_name && i < eq; i++) {
			char c = w->v[from].p[i];
			is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
				c == '+' || (i > 0 && c >= '0' && c <= '9') || c == '[' || c == ']';
		}
		if (!is_name)
			break;
		from++;
	}
	if (from >= w->n)
		return RV_OK;
	for (size_t i = from; i < w->n; i++)
		is_vague |= w->is_vague[i];
	if (w->is_vague[from] || w->v[from].n == 0)
		return add_unknown(p);
	RV_TRY(add(p, w->v + from, w->n - from, is_vague));
	struct rv_str name = base_of(w->v[from]);
	if (p->depth >= DEPTH_MAX)
		return add_unknown(p);
	if (IS_IN(name, "sh", "bash", "dash", "zsh", "ksh", "ash", "fish"))
		return of_shell(p, w, from);
	if (IS_IN(name, "eval")) {
		for (size_t i = from + 1; i < w->n; i++)
			RV_TRY(nested(p, w, i));
		return RV_OK;
	}
	if (IS_IN(name, "find"))
		return of_find(p, w, from);
	for (size_t k = 0; k < RV_COUNT(wrappers); k++)
		if (rv_str_eqz(name, wrappers[k].name))
			return of_wrapper(p, w, from, k);
	/* These run something else, in ways that are not followed. */
	if (IS_IN(name, ".", "source", "parallel", "watch", "ssh", "su", "script", "at", "batch",
		    "trap", "alias", "strace", "ltrace", "gdb", "stdbuf", "ionice", "chroot",
		    "flock", "unshare", "nsenter", "setpriv", "runuser", "busybox", "systemd-run",
		    "screen", "tmux", "entr", "expect", "firejail", "bwrap"))
		return add_unknown(p);
	return RV_OK;
}

/* ---- words ---- */

static int peek(const struct shell *p, size_t ahead)
{
	return p->at + ahead < p->s.n ? (unsigned char)p->s.p[p->at + ahead] : -1;
}

/* Behind an opening '(': the text up to the matching ')', quotes respected. */
static bool matching(struct shell *p, char open, char close, struct rv_str *ret)
{
	size_t from = p->at;
	int depth = 1;
	for (; p->at < p->s.n; p->at++) {
		char c = p->s.p[p->at];
		if (c == '\\') {
			p->at++;
		} else if (c == '\'') {
			size_t end = rv_str_find(p->s, '\'', p->at + 1);
			if (end == SIZE_MAX)
				return false;
			p->at = end;
		} else if (c == open) {
			depth++;
		} else if (c == close && --depth == 0) {
			*ret = rv_str_sub(p->s, from, p->at);
			p->at++;
			return true;
		}
	}
	return false;
}

static bool backticks(struct shell *p, struct rv_buf *out)
{
	for (; p->at < p->s.n; p->at++) {
		char c = p->s.p[p->at];
		if (c == '`') {
			p->at++;
			return true;
		}
		if (c == '\\' && p->at + 1 < p->s.n)
			c = p->s.p[++p->at];
		rv_buf_addc(out, c);
	}
	return false;
}

/* At '$' or '`': what it expands to is not known; commands inside it are. */
static enum rv_code expansion(struct shell *p)
{
	struct rv_str inner;
	if (peek(p, 0) == '`') {
		RV_AUTO_BUF b = { 0 };
		rv_buf_init(&b, 1 << 20);
		p->at++;
		if (!backticks(p, &b))
			return add_unknown(p);
		inner = rv_arena_str(p->a, rv_buf_str(&b));
		if (!inner.p)
			return RV_FAIL_ARENA(p->err);
		return parse(p->a, inner, p->depth + 1, p->cmds, p->n, p->err);
	}
	p->at++;
	if (peek(p, 0) == '(' && peek(p, 1) == '(') { /* arithmetic; it may hold substitutions */
		p->at++;
		if (!matching(p, '(', ')', &inner))
			return add_unknown(p);
		for (size_t i = 0; i < inner.n; i++)
			if (inner.p[i] == '`' ||
				(inner.p[i] == '$' && i + 1 < inner.n && inner.p[i + 1] == '('))
				return add_unknown(p);
		return RV_OK;
	}
	if (peek(p, 0) == '(') {
		p->at++;
		if (!matching(p, '(', ')', &inner))
			return add_unknown(p);
		return parse(p->a, inner, p->depth + 1, p->cmds, p->n, p->err);
	}
	if (peek(p, 0) == '{') {
		p->at++;
		if (!matching(p, '{', '}', &inner))
			return add_unknown(p);
		for (size_t i = 0; i < inner.n; i++)
			if (inner.p[i] == '`' || inner.p[i] == '$' || inner.p[i] == '@')
				return add_unknown(p); /* ${x:-$(cmd)}, ${x@P} */
		return RV_OK;
	}
	return RV_OK;
}

static enum rv_code quoted(struct shell *p, struct rv_buf *out, bool *is_vague)
{
	for (p->at++; p->at < p->s.n;) {
		char c = p->s.p[p->at];
		if (c == '"') {
			p->at++;
			return RV_OK;
		}
		if (c == '$' || c == '`') {
			bool lone = c == '$' && (peek(p, 1) == '"' || peek(p, 1) == ' ');
			*is_vague |= !lone;
			if (lone)
				p->at++;
			else
				RV_TRY(expansion(p));
			continue;
		}
		if (c == '\\' && p->at + 1 < p->s.n && strchr("\\\"$`\n", p->s.p[p->at + 1]))
			c = p->s.p[++p->at];
		rv_buf_addc(out, c);
		p->at++;
	}
	return add_unknown(p); /* not closed */
}

/* One word at p->at; false in *ret_any when there is none. */
static enum rv_code word(struct shell *p, struct rv_str *ret, bool *is_vague, bool *ret_any)
{
	RV_AUTO_BUF b = { 0 };
	bool any = false;
	rv_buf_init(&b, 1 << 20);
	*is_vague = false;
	while (p->at < p->s.n && !strchr(" \t\n;&|()<>", p->s.p[p->at])) {
		char c = p->s.p[p->at];
		any = true;
		if (c == '\'') {
			size_t end = rv_str_find(p->s, '\'', p->at + 1);
			if (end == SIZE_MAX) {
				p->at = p->s.n;
				RV_TRY(add_unknown(p));
				break;
			}
			rv_buf_add(&b, rv_str_sub(p->s, p->at + 1, end));
			p->at = end + 1;
		} else if (c == '"') {
			RV_TRY(quoted(p, &b, is_vague));
		} else if (c == '$' && peek(p, 1) == '\'') {
			*is_vague = true; /* escapes of its own */
			p->at++;
		} else if (c == '$' || c == '`') {
			*is_vague = true;
			RV_TRY(expansion(p));
		} else if (c == '\\') {
			if (peek(p, 1) != '\n' && p->at + 1 < p->s.n)
				rv_buf_addc(&b, p->s.p[p->at + 1]);
			p->at += 2;
		} else {
			/* "{}" and a lone "{" expand to nothing else; "~" does at the front. */
			bool is_brace = c == '{' && peek(p, 1) != '}' &&
				!(b.n == 0 && (peek(p, 1) < 0 || strchr(" \t\n", peek(p, 1))));
			*is_vague |= c == '*' || c == '?' || c == '[' || is_brace ||
				(c == '~' && b.n == 0);
			rv_buf_addc(&b, c);
			p->at++;
		}
		if (p->at > p->s.n)
			p->at = p->s.n;
	}
	*ret_any = any;
	*ret = rv_arena_str(p->a, rv_buf_str(&b));
	return ret->p && !b.failed ? RV_OK : RV_FAIL_ARENA(p->err);
}

/* ---- redirections ---- */

static void skip_blank(struct shell *p)
{
	while (p->at < p->s.n) {
		char c = p->s.p[p->at];
		if (c == ' ' || c == '\t')
			p->at++;
		else if (c == '\\' && peek(p, 1) == '\n')
			p->at += 2;
		else
			return;
	}
}

/* At '<' or '>'. A process substitution is a word; what a file receives is a write of its own. */
static enum rv_code redirection(struct shell *p, bool *is_vague)
{
	char c = p->s.p[p->at];
	struct rv_str inner, target;
	bool any, vague;
	if (peek(p, 1) == '(') {
		p->at += 2;
		*is_vague = true;
		if (!matching(p, '(', ')', &inner))
			return add_unknown(p);
		return parse(p->a, inner, p->depth + 1, p->cmds, p->n, p->err);
	}
	bool is_here = c == '<' && peek(p, 1) == '<';
	bool is_string = is_here && peek(p, 2) == '<';
	bool strips = is_here && peek(p, 2) == '-';
	while (p->at < p->s.n && strchr("<>&|-", p->s.p[p->at]))
		p->at++;
	skip_blank(p);
	bool quoted_end = p->at < p->s.n && strchr("'\"\\", p->s.p[p->at]);
	RV_TRY(word(p, &target, &vague, &any));
	if (!is_here || is_string)
		return RV_OK;
	if (!any || p->n_heredocs == HEREDOCS_MAX)
		return add_unknown(p);
	p->heredocs[p->n_heredocs++] = (struct heredoc){ target, strips, quoted_end };
	return RV_OK;
}

/* Behind a line's end: the bodies that it announced. */
static enum rv_code heredocs(struct shell *p)
{
	for (size_t i = 0; i < p->n_heredocs; i++) {
		const struct heredoc *h = &p->heredocs[i];
		size_t from = p->at;
		bool ended = false;
		while (p->at < p->s.n && !ended) {
			size_t end = rv_str_find(p->s, '\n', p->at);
			struct rv_str line =
				rv_str_sub(p->s, p->at, end == SIZE_MAX ? p->s.n : end);
			while (h->strips_tabs && line.n && line.p[0] == '\t')
				line = rv_str_sub(line, 1, line.n);
			ended = rv_str_eq(line, h->end);
			if (!ended && !h->is_quoted && memchr(line.p, '`', line.n))
				RV_TRY(add_unknown(p));
			for (size_t k = 0; !ended && !h->is_quoted && k + 1 < line.n; k++)
				if (line.p[k] == '$' && line.p[k + 1] == '(')
					RV_TRY(add_unknown(p));
			p->at = end == SIZE_MAX ? p->s.n : end + 1;
		}
		if (!ended && from < p->s.n)
			RV_TRY(add_unknown(p));
	}
	p->n_heredocs = 0;
	return RV_OK;
}

/* ---- lines ---- */

/* Words after which a command begins again. */
static bool is_keyword(struct rv_str w)
{
	return IS_IN(w, "if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{",
		"}", "!", "esac");
}

static enum rv_code end_command(struct shell *p, struct words *w)
{
	enum rv_code code = RV_OK;
	if (w->n) {
		/* "for x in …" and "function f" run nothing by themselves; "case" has a grammar of
		 * its own, in which a command could hide. */
		if (IS_IN(w->v[0], "case", "select", "coproc"))
			code = add_unknown(p);
		else if (!IS_IN(w->v[0], "for", "function"))
			code = found(p, w, 0);
	}
	w->n = 0;
	return code;
}

static enum rv_code step(struct shell *p, struct words *w)
{
	char c = p->s.p[p->at];
	struct rv_str text;
	bool any, vague = false;
	if (c == '\n' || c == ';' || c == '&' || c == '|') {
		bool is_redirection = c == '&' && peek(p, 1) == '>';
		if (is_redirection) {
			p->at++;
			return redirection(p, &vague);
		}
		p->at++;
		RV_TRY(end_command(p, w));
		return c == '\n' ? heredocs(p) : RV_OK;
	}
	if (c == '#' && (p->at == 0 || strchr(" \t\n;", p->s.p[p->at - 1]))) {
		size_t end = rv_str_find(p->s, '\n', p->at);
		p->at = end == SIZE_MAX ? p->s.n : end;
		return RV_OK;
	}
	if (c == '<' || c == '>') {
		RV_TRY(redirection(p, &vague));
		if (vague && w->n < WORDS_MAX) {
			w->is_vague[w->n] = true;
			w->v[w->n++] = RV_STR("<()");
		}
		return RV_OK;
	}
	if (c == '(' || c == ')') { /* a group, or a function's head: what follows is a command */
		p->at++;
		if (c == '(' && peek(p, 0) == '(')
			return add_unknown(p); /* arithmetic command */
		return end_command(p, w);
	}
	size_t before = p->at;
	RV_TRY(word(p, &text, &vague, &any));
	if (!any && p->at == before) {
		p->at++;
		return add_unknown(p);
	}
	/* A number right before a redirection belongs to it. */
	int64_t fd;
	if (p->at < p->s.n && (p->s.p[p->at] == '<' || p->s.p[p->at] == '>') &&
		rv_str_i64(text, &fd))
		return RV_OK;
	if (w->n == 0 && !vague && is_keyword(text))
		return RV_OK;
	if (w->n == WORDS_MAX)
		return RV_FAIL(p->err, RV_ELIMIT, "a command has more than %d words", WORDS_MAX);
	w->is_vague[w->n] = vague;
	w->v[w->n++] = text;
	return RV_OK;
}

static enum rv_code parse(struct rv_arena *a, struct rv_str s, int depth,
	struct rv_hook_command *cmds, size_t *n, struct rv_err *err)
{
	struct shell p = { .a = a, .s = s, .cmds = cmds, .n = n, .depth = depth, .err = err };
	if (depth > DEPTH_MAX)
		return add_unknown(&p);
	struct words *w = rv_arena_alloc(a, sizeof *w);
	if (!w)
		return RV_FAIL_ARENA(err);
	for (;;) {
		skip_blank(&p);
		if (p.at >= p.s.n)
			break;
		RV_TRY(step(&p, w));
	}
	return end_command(&p, w);
}

enum rv_code rv_hook_shell(struct rv_arena *a, struct rv_str line,
	struct rv_hook_command cmds[RV_HOOK_ACTS_MAX], size_t *ret_n, struct rv_err *err)
{
	*ret_n = 0;
	if (memchr(line.p ? line.p : "", '\0', line.n))
		return RV_FAIL(err, RV_EINVAL, "the line holds a NUL");
	return parse(a, line, 0, cmds, ret_n, err);
}
