/* What evaluation knows of a request: who its principal, action and resource are, where entities of
 * the overlay hide those of the set; and why it failed. */
#include "cedar/code.h"
#include "cedar/entities.h"

/* ---- failures ---- */

enum { PIECE_MAX = 160 };

static size_t piece(char *to, const char *p, size_t n)
{
	if (n > PIECE_MAX) {
		n = PIECE_MAX;
		while (n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
			n--;
	}
	if (to && n > 0)
		memcpy(to, p, n);
	return n;
}

/* Errors are ordinary in policies that ask for what is not there, so this is spared printf. */
bool cedar_env_fail(struct env *env, const char *fmt, const void *a, const void *b)
{
	char text[6 * PIECE_MAX];
	const void *args[] = { a, b };
	size_t n = 0, k = 0;
	if (env->is_quiet)
		return false;
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			text[n++] = *fmt;
			continue;
		}
		const void *arg = args[k++];
		fmt++;
		if (*fmt == 's') {
			n += piece(
				text + n, ((const cedar_str *)arg)->p, ((const cedar_str *)arg)->n);
		} else if (*fmt == 'u') {
			const cedar_uid *u = arg;
			n += piece(text + n, u->type.p, u->type.n);
			memcpy(text + n, "::\"", 3);
			n += 3 + piece(text + n + 3, u->id.p, u->id.n);
			text[n++] = '"';
		} else {
			n += piece(text + n, arg, strlen(arg));
		}
	}
	env->failure = cs(rv_arena_str(env->arena, rv_str_n(text, n)));
	env->is_out_of_memory = env->is_out_of_memory || !env->failure.p;
	return false;
}

bool cedar_env_fail_memory(struct env *env)
{
	env->is_out_of_memory = true;
	return cedar_env_fail(env, "needs more memory than is allowed", NULL, NULL);
}

/* ---- entities ---- */

/* An overlay's ancestors are its parents and theirs. */
static bool overlay_up(
	const cedar_entities *es, struct rv_arena *a, const cedar_entity *e, struct ancestors **ret)
{
	size_t n = 0;
	*ret = NULL;
	for (size_t i = 0; i < e->n_parents; i++) {
		const struct node *p = entities_node(es, &e->parents[i]);
		n += 1 + (p && p->up ? p->up->n : 0);
	}
	if (n == 0)
		return true;
	struct ancestors *up = rv_arena_raw(a, sizeof *up + n * sizeof *up->v);
	if (!up)
		return false;
	up->n = 0;
	for (size_t i = 0; i < e->n_parents; i++) {
		const struct node *p = entities_node(es, &e->parents[i]);
		size_t more = p && p->up ? p->up->n : 0;
		for (size_t k = 0; k <= more; k++) {
			struct ancestor at = k < more
				? p->up->v[k]
				: (struct ancestor){ e->parents[i].hash, &e->parents[i] };
			size_t to = up->n++;
			for (; to > 0 && up->v[to - 1].hash > at.hash; to--)
				up->v[to] = up->v[to - 1];
			up->v[to] = at;
		}
	}
	*ret = up;
	return true;
}

static const cedar_entity *overlay_of(const struct env *env, const cedar_uid *uid)
{
	for (size_t i = 0; i < env->rq->n_overlay; i++)
		if (uid_eq(&env->rq->overlay[i].uid, uid))
			return &env->rq->overlay[i];
	return NULL;
}

static struct who stored(const cedar_entities *es, const cedar_uid *uid)
{
	const struct node *n = entities_node(es, uid);
	return n ? (struct who){ &n->entity.uid, &n->entity, n->up } : (struct who){ .uid = uid };
}

struct who cedar_env_look_up(struct env *env, const cedar_uid *uid)
{
	const cedar_entity *over = env->rq->n_overlay ? overlay_of(env, uid) : NULL;
	struct ancestors *up;
	if (!over)
		return stored(env->es, uid);
	if (!overlay_up(env->es, env->arena, over, &up))
		(void)cedar_env_fail_memory(env); /* told by is_out_of_memory */
	return (struct who){ uid, over, up };
}

void cedar_env_init(
	struct env *env, const cedar_entities *es, const cedar_request *rq, struct rv_arena *a)
{
	const cedar_uid *const uids[] = { &rq->principal, &rq->action, &rq->resource };
	env->es = es;
	env->rq = rq;
	env->arena = a;
	env->failure = (cedar_str){ NULL, 0 };
	env->is_quiet = false;
	env->is_out_of_memory = false;
	for (unsigned i = 0; i < WHO_COUNT; i++)
		env->who[i] = cedar_env_look_up(env, uids[i]);
}

struct who cedar_env_who(const struct env *env, const cedar_uid *uid)
{
	if (env->rq->n_overlay == 0)
		return stored(env->es, uid);
	for (unsigned i = 0; i < WHO_COUNT; i++)
		if (uid_eq(env->who[i].uid, uid))
			return env->who[i];
	return cedar_env_look_up(
		(struct env *)(uintptr_t)env, uid); /* its memory, not its meaning */
}

bool cedar_env_in(const struct env *env, const struct who *a, const cedar_uid *b)
{
	return who_in(a, b);
}
