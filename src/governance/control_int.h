/* What the queue of the control thread (control.c) and its batches (batch.c) share. */
#ifndef RV_GOVERNANCE_CONTROL_INT_H
#define RV_GOVERNANCE_CONTROL_INT_H
#include "governance/governance_int.h"

/* A job on its way. */
struct control_node {
	struct control_node *next;
	struct rv_job job;
	struct rv_op op;
	enum rv_code code;
	struct rv_err err;
	bool was_run;
	bool is_stopped; /* what it was to stop is stopped, whatever becomes of the batch */
	char *text; /* what the job's slices point to */
};
struct rv_control {
	struct rv_gov *gov;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t more;
	struct control_node *first, **last;
	size_t n;
	bool stops;
	uint64_t ticks_wanted, ticks_done; /* beyond those of the clock */
	pthread_cond_t ticked;
	struct rv_control_stats stats;
	/* The thread's own. */
	struct rv_arena arena;
	int64_t ticked_ms;
};

void rv_control_node_free(struct control_node *n);
/* Does all jobs of the list, answers and frees them. The control thread. */
void rv_control_batch(struct rv_control *c, struct control_node *jobs);
#endif
