/* A warm scratch calls no malloc: counted, over random worlds with errors, sets, records and
 * overlays. And many threads use one set of policies and entities. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/arena.h"
#include "cedar.h"
#include "tests/cedar/gen.h"
#include "tests/harness.h"

static atomic_size_t n_mallocs;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifdef IS_SANITIZED
int __sanitizer_install_malloc_and_free_hooks(
	void (*on_malloc)(const volatile void *, size_t), void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *p, size_t n)
{
	atomic_fetch_add(&n_mallocs, 1);
}
static void on_free(const volatile void *p)
{
}
static bool count_mallocs(void)
{
	return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
}
#else
/* The C library's own under their other names. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	atomic_fetch_add(&n_mallocs, 1);
	return __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
	atomic_fetch_add(&n_mallocs, 1);
	return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
	atomic_fetch_add(&n_mallocs, 1);
	return __libc_realloc(p, n);
}
static bool count_mallocs(void)
{
	return true;
}
#endif

enum { WORLDS = 20, REQUESTS = 20, THREADS = 4 };

static cedar_str cs(const struct rv_buf *b)
{
	return (cedar_str){ b->p, b->n };
}

struct world {
	cedar_policies *ps;
	cedar_entities *es;
	struct rv_buf texts[REQUESTS];
	cedar_entity overlay;
};

static void make_world(struct world *w, uint64_t seed)
{
	RV_AUTO_BUF text;
	RV_AUTO_BUF entities;
	struct gen g;
	cedar_error e = { .code = CEDAR_OK };
	rv_buf_init(&text, 1 << 24);
	rv_buf_init(&entities, 1 << 24);
	gen_init(&g, seed, &text);
	gen_policies(&g, 30, 0);
	g.out = &entities;
	gen_entities(&g, 70);
	REQUIRE(cedar_policies_parse(cs(&text), NULL, &w->ps, &e) == CEDAR_OK);
	REQUIRE(cedar_entities_parse_json(cs(&entities), &w->es, &e) == CEDAR_OK);
	for (int i = 0; i < REQUESTS; i++) {
		rv_buf_init(&w->texts[i], 1 << 20);
		g.out = &w->texts[i];
		gen_request(&g);
	}
}

static void free_world(struct world *w)
{
	cedar_policies_free(w->ps);
	cedar_entities_free(w->es);
	for (int i = 0; i < REQUESTS; i++)
		rv_buf_done(&w->texts[i]);
}

/* One round over all requests; returns a digest of the answers. */
static uint64_t ask_all(const struct world *w, cedar_scratch *s)
{
	uint64_t digest = 0;
	for (int i = 0; i < REQUESTS; i++) {
		cedar_request rq;
		cedar_answer a;
		if (cedar_request_parse_json(s, cs(&w->texts[i]), &rq, NULL) != CEDAR_OK)
			return UINT64_MAX;
		if (i % 3 == 0) {
			rq.overlay = &w->overlay;
			rq.n_overlay = 1;
		}
		cedar_authorize(w->ps, w->es, &rq, s, &a);
		digest = digest * 31 + a.n_permits * 7 + a.n_forbids * 3 + a.n_errors;
		for (size_t k = 0; k < a.n_errors; k++)
			digest = digest * 31 + a.errors[k].policy + a.errors[k].message.n;
		cedar_scratch_clear(s);
	}
	return digest;
}

TEST(a_warm_scratch_calls_no_malloc)
{
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s && count_mallocs());
	size_t before = n_mallocs;
	void *volatile kept = malloc(17); /* a pair that nobody looks at would be left out */
	free(kept);
	REQUIRE(n_mallocs > before); /* it does count */
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		struct world w = { .ps = NULL };
		make_world(&w, seed);
		if (w.es && cedar_entities_count(w.es) > 0) {
			w.overlay = *cedar_entities_at(w.es, 0);
			w.overlay.uid = cedar_uid_of(cedar_z("User"), cedar_z("0"));
			uint64_t cold = ask_all(&w, s);
			size_t at = n_mallocs;
			uint64_t warm = ask_all(&w, s);
			CHECKF(n_mallocs == at, "world %llu: %zu mallocs", (unsigned long long)seed,
				(size_t)(n_mallocs - at));
			CHECK(warm == cold && warm != UINT64_MAX);
		}
		free_world(&w);
	}
	cedar_scratch_free(s);
}

struct thread {
	const struct world *w;
	uint64_t digest;
};

static void *ask_often(void *arg)
{
	struct thread *t = arg;
	cedar_scratch *s = cedar_scratch_new();
	uint64_t first = s ? ask_all(t->w, s) : UINT64_MAX;
	t->digest = first;
	for (int i = 0; i < 50 && s; i++)
		if (ask_all(t->w, s) != first)
			t->digest = UINT64_MAX;
	cedar_scratch_free(s);
	return NULL;
}

TEST(threads_share_policies_and_entities)
{
	struct world w = { .ps = NULL };
	struct thread threads[THREADS];
	pthread_t ids[THREADS];
	make_world(&w, 99);
	w.overlay.uid = cedar_uid_of(cedar_z("User"), cedar_z("0"));
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s);
	uint64_t alone = ask_all(&w, s);
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ &w, 0 };
		REQUIRE(pthread_create(&ids[i], NULL, ask_often, &threads[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		CHECK(threads[i].digest == alone && alone != UINT64_MAX);
	}
	cedar_scratch_free(s);
	free_world(&w);
}

MAIN()
