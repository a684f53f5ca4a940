/* YAML 1.1 subset (libyaml) into the tree of base/json.h, with lines and columns. Anchors, aliases,
 * tags, merge keys, duplicate keys and non-string keys are refused. Plain scalars: true/false,
 * null/~, integers, decimals as in JSON; all else is a string (so "no", "on" and 2026-11-23 are
 * strings). */
#ifndef RV_BASE_YAML_H
#define RV_BASE_YAML_H
#include "base/json.h"

/* All documents of a stream, as an array. limits may be NULL. Errors: RV_EINVAL or RV_ELIMIT with
 * line and column. One thread per call. The tree owns its strings (in the arena). */
RV_MUST_USE enum rv_code rv_yaml_parse(struct rv_arena *a, struct rv_str text,
	const struct rv_json_limits *limits, const struct rv_json **ret_docs, struct rv_err *err);
#endif
