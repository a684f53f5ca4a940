/* Building an entity store in place, and its nodes. Private to cedar/. */
#ifndef RV_CEDAR_ENTITIES_H
#define RV_CEDAR_ENTITIES_H
#include "cedar/cedar_int.h"

/* An empty store; fill its arena, then finish. NULL: memory. */
cedar_entities *cedar_entities_begin(cedar_error *err);
struct rv_arena *cedar_entities_arena(cedar_entities *es);
/* list and all it points to lie in the arena. On failure free the store. */
cedar_code cedar_entities_finish(
	cedar_entities *es, cedar_entity *list, size_t n, cedar_error *err);
/* Node numbers of the ancestors of uid, ascending. */
size_t cedar_entities_ancestors(
	const cedar_entities *es, const cedar_uid *uid, const uint32_t **ret);
const cedar_uid *cedar_entities_node(const cedar_entities *es, uint32_t node);
#endif
