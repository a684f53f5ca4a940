/* What the files of the exec point share. */
#ifndef RV_POINTS_EXEC_INT_H
#define RV_POINTS_EXEC_INT_H
#include "base/enc.h"
#include "base/uuid.h"
#include "points/exec/exec.h"

/* ---- template.c: "{param}" and "{input:name}" ------------------------------------------------ */

/* One piece of a template; text is a literal, or the name referred to. */
enum rv_exec_piece_kind { RV_EXEC_LITERAL, RV_EXEC_REF_PARAM, RV_EXEC_REF_INPUT };
struct rv_exec_piece {
	enum rv_exec_piece_kind kind;
	struct rv_str text;
};
/* Takes the next piece off *rest; *ret_any is false at the end. RV_EINVAL: a brace that opens or
 * closes nothing, or an empty or malformed name. */
RV_MUST_USE enum rv_code rv_exec_template_next(
	struct rv_str *rest, struct rv_exec_piece *ret, bool *ret_any, struct rv_err *err);
/* values: of cmd's params, in their order; inputs: what stands for each input, in their order (NULL
 * where templates have none). The template was checked when the configuration was read. */
void rv_exec_template_expand(const struct rv_exec_command *cmd, struct rv_str text,
	const struct rv_str *values, const struct rv_str *inputs, struct rv_buf *out);
/* "12.5" -> 1250 for scale 2; no sign, no blanks, no needless zeros in front, at most scale digits
 * behind the point. */
RV_MUST_USE bool rv_exec_decimal_parse(struct rv_str text, unsigned scale, int64_t *ret);
void rv_exec_decimal_print(int64_t scaled, unsigned scale, struct rv_buf *out);
/* Fills ret[i] with the value of cmd->params[i], each in its one spelling. Errors: RV_EINVAL names
 * the parameter: unknown, given twice, missing, or not of its kind. */
RV_MUST_USE enum rv_code rv_exec_params_resolve(struct rv_arena *a,
	const struct rv_exec_command *cmd, const struct rv_exec_pair *given, size_t n_given,
	struct rv_str *ret, struct rv_err *err);

/* ---- conf_command.c -------------------------------------------------------------------------- */

RV_MUST_USE enum rv_code rv_exec_command_read(struct rv_arena *a, struct rv_str name,
	const struct rv_json *v, const char *path, struct rv_exec_command *ret, struct rv_err *err);
#endif
