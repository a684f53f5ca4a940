/* Showing events to people: one line each, and who answers for them. One thread. */
#ifndef RV_CLI_SHOW_H
#define RV_CLI_SHOW_H
#include "cli/client.h"

/* Text from outside, shown inert; at most 1 MiB. */
void rv_show(struct rv_str text);
/* "  label      text", nothing for an empty text. */
void rv_show_line(const char *label, struct rv_str text);
enum rv_colour rv_outcome_colour(struct rv_str outcome);
/* {"seq","logged","event":{…}}: two lines. */
void rv_show_event(const struct rv_json *item);
/* "chain" of an answer: who answers for it. */
void rv_show_chain(const struct rv_json *chain);
/* "fields" of an answer: what differs. */
void rv_show_fields(const struct rv_json *v);
/* The answer of POST /v1/apply. */
void rv_show_apply(const struct rv_json *v);
#endif
