/* Values and errors for people. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/clock.h"
#include "cedar/forms.h"

enum { PRINT_MAX = 1 << 20 };

static void put_decimal(struct rv_buf *b, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char frac[8];
	int n = snprintf(frac, sizeof frac, "%04u", (unsigned)(u % 10000));
	while (n > 1 && frac[n - 1] == '0')
		n--;
	rv_buf_printf(b, "decimal(\"%s%llu.%.*s\")", v < 0 ? "-" : "",
		(unsigned long long)(u / 10000), n, frac);
}

static void digits(char *at, unsigned width, int64_t v)
{
	for (; width > 0; v /= 10)
		at[--width] = (char)('0' + v % 10);
}

/* Each decision's context has one: no printf. */
static void put_datetime(struct rv_buf *b, int64_t ms)
{
	char text[] = "datetime(\"0000-00-00T00:00:00.000Z\")";
	char *at = text + sizeof "datetime(\"" - 1;
	int64_t days = ms / 86400000, in_day = ms % 86400000, year;
	unsigned month, day;
	if (in_day < 0) {
		in_day += 86400000;
		days--;
	}
	rv_civil_from_days(days, &year, &month, &day);
	if (year < 0 || year > 9999) {
		rv_buf_printf(
			b, "datetime(\"1970-01-01\").offset(duration(\"%lldms\"))", (long long)ms);
		return;
	}
	digits(at, 4, year);
	digits(at + 5, 2, month);
	digits(at + 8, 2, day);
	digits(at + 11, 2, in_day / 3600000);
	digits(at + 14, 2, in_day / 60000 % 60);
	digits(at + 17, 2, in_day / 1000 % 60);
	digits(at + 20, 3, in_day % 1000);
	rv_buf_add(b, rv_str_n(text, sizeof text - 1));
}

static void put_ip(struct rv_buf *b, const cedar_ip *ip)
{
	char z[INET6_ADDRSTRLEN];
	if (!inet_ntop(ip->is_v6 ? AF_INET6 : AF_INET, ip->address, z, sizeof z))
		return;
	rv_buf_printf(b, "ip(\"%s", z);
	if (ip->prefix != (ip->is_v6 ? 128 : 32))
		rv_buf_printf(b, "/%u", ip->prefix);
	rv_buf_addz(b, "\")");
}

static void put_value(struct rv_buf *b, const cedar_value *v)
{
	switch (v->kind) {
	case CEDAR_BOOL:
		rv_buf_addz(b, v->u.boolean ? "true" : "false");
		return;
	case CEDAR_LONG:
		rv_buf_add_i64(b, v->u.integer);
		return;
	case CEDAR_STRING:
		cedar_put_string(b, v->u.string);
		return;
	case CEDAR_ENTITY:
		rv_buf_add(b, rs(v->u.uid->type));
		rv_buf_addz(b, "::");
		cedar_put_string(b, v->u.uid->id);
		return;
	case CEDAR_SET:
		rv_buf_addc(b, '[');
		for (size_t i = 0; i < v->u.set->n; i++) {
			rv_buf_addz(b, i ? ", " : "");
			put_value(b, &v->u.set->items[i]);
		}
		rv_buf_addc(b, ']');
		return;
	case CEDAR_RECORD:
		rv_buf_addc(b, '{');
		for (size_t i = 0; i < v->u.record->n; i++) {
			const cedar_pair *p = &v->u.record->pairs[i];
			rv_buf_addz(b, i ? ", " : "");
			cedar_put_name(b, p->key);
			rv_buf_addz(b, ": ");
			put_value(b, &p->value);
		}
		rv_buf_addc(b, '}');
		return;
	case CEDAR_DECIMAL:
		put_decimal(b, v->u.integer);
		return;
	case CEDAR_IPADDR:
		put_ip(b, v->u.ip);
		return;
	case CEDAR_DATETIME:
		put_datetime(b, v->u.integer);
		return;
	case CEDAR_DURATION:
		rv_buf_printf(b, "duration(\"%lldms\")", (long long)v->u.integer);
		return;
	}
}

size_t cedar_value_print(const cedar_value *v, char *buf, size_t size)
{
	char mem[256];
	RV_AUTO_BUF b;
	rv_buf_init_on(&b, mem, sizeof mem, PRINT_MAX);
	put_value(&b, v);
	if (size > 0) {
		size_t n = b.n < size - 1 ? b.n : size - 1;
		if (n > 0)
			memcpy(buf, b.p, n);
		buf[n] = '\0';
	}
	return b.n;
}

/* The line the place is in, and a caret below it. Tabs stay tabs, so that the caret lines up. */
static void put_caret(struct rv_buf *b, const cedar_error *e, cedar_str text)
{
	size_t at = e->offset < text.n ? e->offset : text.n, from = at, to = at;
	while (from > 0 && text.p[from - 1] != '\n')
		from--;
	while (to < text.n && text.p[to] != '\n')
		to++;
	if (to - from > 400)
		return;
	rv_buf_printf(b, "\n  %.*s\n  ", (int)(to - from), text.p + from);
	for (size_t i = from; i < at; i++)
		if (text.p[i] == '\t' || ((unsigned char)text.p[i] & 0xc0) != 0x80)
			rv_buf_addc(b, text.p[i] == '\t' ? '\t' : ' ');
	rv_buf_addc(b, '^');
	for (size_t i = 1; i < e->length && at + i < to; i++)
		rv_buf_addc(b, '~');
}

const char *cedar_error_render(
	const cedar_error *e, const char *name, cedar_str text, char *buf, size_t size)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, PRINT_MAX);
	if (name)
		rv_buf_printf(&b, "%s:", name);
	if (e->line)
		rv_buf_printf(&b, "%u:%u:", e->line, e->column);
	rv_buf_printf(&b, "%s%s", b.n ? " " : "", e->message);
	if (e->line && text.p)
		put_caret(&b, e, text);
	if (e->help[0])
		rv_buf_printf(&b, "\n  help: %s", e->help);
	snprintf(buf, size, "%s", rv_buf_z(&b));
	return buf;
}
