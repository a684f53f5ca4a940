/* Values and entities held against a schema. Private to cedar/. All answer CEDAR_ESCHEMA with a
 * message when they do not fit. */
#ifndef RV_CEDAR_CHECK_H
#define RV_CEDAR_CHECK_H
#include "cedar/schema.h"

cedar_code cedar_check_value(
	const cedar_schema *s, const struct type *t, const cedar_value *v, cedar_error *err);
/* Its type, and its id where ids are enumerated. */
cedar_code cedar_check_uid(const cedar_schema *s, const cedar_uid *u, cedar_error *err);
cedar_code cedar_check_entity(const cedar_schema *s, const cedar_entity *e, cedar_error *err);
#endif
