/* Reports: figures from the registry and the log, each with the question that gives it and the
 * records it rests on, so that an auditor can ask again. */
#ifndef RV_REPORT_REPORT_H
#define RV_REPORT_REPORT_H
#include "governance/governance.h"
#include "ledger/ledger.h"

/* The board's: how many AI systems, which act on their own and over what, who answers, what is
 * missing, what was not enforced. Made in three steps, in this order. */
struct rv_board;
/* In the arena, which must outlive it. since_ns: of the log, events from then on count. */
RV_MUST_USE enum rv_code rv_board_new(struct rv_arena *a, int64_t now_ns, int64_t since_ns,
	struct rv_board **ret, struct rv_err *err);
/* The registry's part; auditors, governors, admins, responders. Inside a job. */
RV_MUST_USE enum rv_code rv_board_registry(
	struct rv_board *b, struct rv_op *op, struct rv_err *err);
/* The log's part: reads up to RV_BOARD_RECORDS_MAX records. Slow; any thread. */
enum { RV_BOARD_RECORDS_MAX = 2000000 };
RV_MUST_USE enum rv_code rv_board_log(struct rv_board *b, struct rv_ledger *l, struct rv_err *err);
/* The members of the report, into the object that w stands in (docs/reports.md). */
void rv_board_write(const struct rv_board *b, struct rv_json_w *w);
#endif
