/* Does a name occur twice in an object? A few names are held against each other; some are put into
 * a small table; many are sorted, because names can be chosen so that a table degenerates. */
#include "base/json.h"
#include "base/json_int.h"

enum { COMPARE_MAX = 8, TABLE_MAX = 64, SLOTS = 4 * TABLE_MAX };

static int member_order(const void *a, const void *b)
{
	const struct rv_json_member *const *x = a, *const *y = b;
	int c = rv_str_cmp((*x)->name, (*y)->name);
	return c != 0 ? c : (*x < *y ? -1 : *x > *y);
}

static size_t by_comparing(const struct rv_json_member *m, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (rv_str_eq(m[i].name, m[j].name))
				return i;
	return n;
}

static size_t by_table(const struct rv_json_member *m, size_t n)
{
	uint8_t slot[SLOTS] = { 0 }; /* member + 1 */
	for (size_t i = 0; i < n; i++) {
		size_t at = (size_t)rv_str_hash(m[i].name, 0) % SLOTS;
		for (; slot[at]; at = (at + 1) % SLOTS)
			if (rv_str_eq(m[slot[at] - 1].name, m[i].name))
				return i;
		slot[at] = (uint8_t)(i + 1);
	}
	return n;
}

/* SIZE_MAX: memory. */
static size_t by_sorting(struct rv_arena *a, const struct rv_json_member *m, size_t n)
{
	const struct rv_json_member **order = rv_arena_array(a, n, sizeof *order);
	if (!order)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		order[i] = &m[i];
	qsort(order, n, sizeof *order, member_order);
	for (size_t i = 1; i < n; i++)
		if (rv_str_eq(order[i]->name, order[i - 1]->name))
			return (size_t)(order[i] - m);
	return n;
}

size_t rv_json_dup(struct rv_arena *a, const struct rv_json_member *m, size_t n)
{
	if (n <= COMPARE_MAX)
		return by_comparing(m, n);
	return n <= TABLE_MAX ? by_table(m, n) : by_sorting(a, m, n);
}
