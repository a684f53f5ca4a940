/* Deciding again: facts that were kept, or a request somebody thinks of, under any set of policies.
 * Nothing here is recorded, reserved or opened. */
#ifndef RV_GATE_JUDGE_H
#define RV_GATE_JUDGE_H
#include "gate/gate_int.h"

struct rv_judge {
	const cedar_policies *policies;
	const struct rv_policy_note *notes; /* by index of the policy */
	const cedar_entities *entities;
	const cedar_request *rq;
	cedar_scratch *scratch;
	bool is_shadow; /* the system was only observed */
};
/* own: what cedar_authorize says of it, if that is known already; else NULL. Only what v's counts
 * cover is written. Texts in v are the policies' and the arena's. */
void rv_gate_judge(struct rv_arena *arena, const struct rv_judge *j, const cedar_answer *own,
	struct rv_verdict *v);

/* A set of policy files, compiled. */
struct rv_set_file {
	struct rv_str name, text;
	int64_t version; /* 0: of no version */
	size_t first, n; /* its policies within the set; filled by rv_gate_set_new */
};
struct rv_gate_set {
	struct rv_set_file *files;
	size_t n_files;
	cedar_policies *policies; /* owned */
	struct rv_policy_note *notes; /* in the arena */
	bool reads_time; /* some file holds the word: the same request may come out otherwise later
			  */
};
/* files are taken as they are; texts must outlive the set. Errors: RV_EINVAL with the file's name,
 * line and column. */
RV_MUST_USE enum rv_code rv_gate_set_new(struct rv_arena *a, struct rv_set_file *files,
	size_t n_files, struct rv_gate_set *ret, struct rv_err *err);
void rv_gate_set_done(struct rv_gate_set *s);
/* [{"name":…,"version":…,"text":…},…] as rv_policy_set_text gives it. */
RV_MUST_USE enum rv_code rv_gate_set_read(struct rv_arena *a, struct rv_str text,
	struct rv_set_file **ret, size_t *ret_n, struct rv_err *err);
#endif
