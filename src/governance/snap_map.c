/* Open addressing with linear probing over counted entries; see snapshot_int.h. */
#include "governance/snapshot_int.h"

uint64_t snap_hash(struct rv_str key, struct rv_str key2)
{
	uint64_t h = rv_str_hash(key, 0x9e3779b97f4a7c15u);
	return key2.n > 0 ? rv_str_hash(key2, h) : h;
}

void snap_entry_unref(struct snap_entry *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (e->secret)
		explicit_bzero(e->secret, e->secret_bytes);
	free(e);
}

static size_t slots_for(size_t n)
{
	size_t cap = 16;
	while (cap < n * 2)
		cap *= 2;
	return cap;
}

struct snap_map *snap_map_new(size_t n)
{
	size_t cap = slots_for(n);
	struct snap_map *m = calloc(1, sizeof *m + cap * sizeof(struct snap_entry *));
	if (!m)
		return NULL;
	atomic_init(&m->refs, 1);
	m->mask = cap - 1;
	return m;
}

struct snap_map *snap_map_ref(struct snap_map *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void snap_map_unref(struct snap_map *m)
{
	if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i <= m->mask; i++)
		snap_entry_unref(m->slots[i]);
	free(m);
}

static size_t find(const struct snap_map *m, uint64_t hash, struct rv_str key, struct rv_str key2)
{
	size_t i = hash & m->mask;
	for (; m->slots[i]; i = (i + 1) & m->mask)
		if (m->slots[i]->hash == hash && rv_str_eq(m->slots[i]->key, key) &&
			rv_str_eq(m->slots[i]->key2, key2))
			break;
	return i;
}

const struct snap_entry *snap_map_get(
	const struct snap_map *m, struct rv_str key, struct rv_str key2)
{
	return m->slots[find(m, snap_hash(key, key2), key, key2)];
}

static void place(struct snap_map *m, struct snap_entry *e)
{
	size_t i = find(m, e->hash, e->key, e->key2);
	if (m->slots[i])
		snap_entry_unref(m->slots[i]);
	else
		m->n++;
	m->slots[i] = e;
}

static struct snap_map *rehashed(const struct snap_map *m, size_t n)
{
	struct snap_map *out = snap_map_new(n);
	for (size_t i = 0; out && i <= m->mask; i++) {
		if (!m->slots[i])
			continue;
		atomic_fetch_add_explicit(&m->slots[i]->refs, 1, memory_order_relaxed);
		place(out, m->slots[i]);
	}
	return out;
}

bool snap_map_put(struct snap_map **m, struct snap_entry *e)
{
	if (((*m)->n + 1) * 2 > (*m)->mask + 1) {
		struct snap_map *bigger = rehashed(*m, ((*m)->n + 1) * 2);
		if (!bigger) {
			snap_entry_unref(e);
			return false;
		}
		snap_map_unref(*m);
		*m = bigger;
	}
	place(*m, e);
	return true;
}

struct snap_map *snap_map_clone(const struct snap_map *m, size_t n_more)
{
	if (slots_for(m->n + n_more) > m->mask + 1)
		return rehashed(m, m->n + n_more);
	struct snap_map *out = snap_map_new((m->mask + 1) / 2);
	if (!out)
		return NULL;
	rv_assert(out->mask == m->mask);
	memcpy(out->slots, m->slots, (m->mask + 1) * sizeof(struct snap_entry *));
	out->n = m->n;
	for (size_t i = 0; i <= m->mask; i++)
		if (out->slots[i])
			atomic_fetch_add_explicit(&out->slots[i]->refs, 1, memory_order_relaxed);
	return out;
}

/* Backward shift: what probed past the hole moves into it. */
void snap_map_drop(struct snap_map *m, struct rv_str key, struct rv_str key2)
{
	size_t hole = find(m, snap_hash(key, key2), key, key2);
	if (!m->slots[hole])
		return;
	snap_entry_unref(m->slots[hole]);
	m->slots[hole] = NULL;
	m->n--;
	for (size_t i = (hole + 1) & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
		size_t home = m->slots[i]->hash & m->mask;
		if (((i - home) & m->mask) < ((i - hole) & m->mask))
			continue;
		m->slots[hole] = m->slots[i];
		m->slots[i] = NULL;
		hole = i;
	}
}

void *snap_pack_mem(struct snap_pack *p, size_t n)
{
	size_t at = (p->at + 7) & ~(size_t)7;
	p->at = at + n;
	return p->base ? p->base + at : NULL;
}

struct rv_str snap_pack_str(struct snap_pack *p, struct rv_str s)
{
	size_t at = p->at;
	p->at += s.n;
	if (!p->base || !s.p)
		return (struct rv_str){ s.p ? "" : NULL, 0 };
	memcpy(p->base + at, s.p, s.n);
	return rv_str_n(p->base + at, s.n);
}

const struct rv_str *snap_pack_strs(struct snap_pack *p, const struct rv_str *v, size_t n)
{
	struct rv_str *out = snap_pack_mem(p, n * sizeof *out);
	for (size_t i = 0; i < n; i++) {
		struct rv_str s = snap_pack_str(p, v[i]);
		if (out)
			out[i] = s;
	}
	return out;
}
