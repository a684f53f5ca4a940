/* Links in JSON. Private to cedar/. */
#ifndef RV_CEDAR_LINK_JSON_H
#define RV_CEDAR_LINK_JSON_H
#include "cedar/json_path.h"

/* One link in either spelling; strings are borrowed from the tree. */
cedar_code cedar_link_read_json(struct rv_arena *a, const struct json_path *at,
	const struct rv_json *v, cedar_link *ret, cedar_error *err);
#endif
