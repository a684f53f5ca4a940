/* Counts on their way to becoming events. */
#ifndef RV_GOVERNANCE_TALLY_H
#define RV_GOVERNANCE_TALLY_H
#include "governance/governance_int.h"

struct rv_tally;
struct rv_tally *rv_tally_new(void); /* NULL: no memory */
void rv_tally_free(struct rv_tally *t);
/* Events for the minutes that are over (all: for every one). In a job; rv_tally_told when it was
 * durable. */
enum rv_code rv_tally_tell(struct rv_op *op, bool all, struct rv_err *err);
void rv_tally_told(struct rv_tally *t);
#endif
