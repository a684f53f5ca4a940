/* AuthZEN answered by the gate: what `reeve serve` puts into its router. */
#ifndef RV_POINTS_AUTHZEN_SERVE_GATE_H
#define RV_POINTS_AUTHZEN_SERVE_GATE_H
#include "points/authzen/authzen.h"

struct rv_gov;
struct rv_gate;
struct rv_authzen_gate { /* the self of the ops */
	struct rv_gov *gov;
	struct rv_gate *gate;
};
extern const struct rv_authzen_ops rv_authzen_gate_ops;
#endif
