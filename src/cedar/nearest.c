/* Did you mean: the nearest of the words that would have been right. */
#include "cedar/validate.h"

enum { WORD_MAX = 120 };

void cedar_nearest_start(struct nearest *n, cedar_str written)
{
	*n = (struct nearest){ .written = written, .distance = SIZE_MAX };
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours, in bytes. */
static size_t distance(cedar_str a, cedar_str b)
{
	size_t rows[3][WORD_MAX + 1];
	for (size_t k = 0; k <= b.n; k++)
		rows[0][k] = k;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t k = 1; k <= b.n; k++) {
			bool same = a.p[i - 1] == b.p[k - 1];
			row[k] = least(last[k] + 1, row[k - 1] + 1, last[k - 1] + !same);
			if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] &&
				a.p[i - 2] == b.p[k - 1] && before[k - 2] + 1 < row[k])
				row[k] = before[k - 2] + 1;
		}
	}
	return rows[a.n % 3][b.n];
}

void cedar_nearest_offer(struct nearest *n, cedar_str word)
{
	if (word.n == 0 || word.n > WORD_MAX || n->written.n == 0 || n->written.n > WORD_MAX)
		return;
	size_t d = distance(n->written, word);
	if (d >= n->distance)
		return;
	n->distance = d;
	n->best = word;
}

const char *cedar_nearest_help(struct reporter *r, const struct nearest *n)
{
	size_t longer = n->best.n > n->written.n ? n->best.n : n->written.n;
	size_t most = longer < 6 ? 1 : longer / 3;
	if (!n->best.p || n->distance > most || n->distance >= longer)
		return NULL;
	return cedar_report_text(r, "did you mean '%.*s'?", RV_FMT(n->best));
}
