/* The fixed words of the product, as tables. */
#include <stdio.h>

#include "governance/governance_int.h"

const char *rv_outcome_name(enum rv_outcome o)
{
	switch (o) {
	case RV_ALLOW:
		return "allow";
	case RV_HOLD:
		return "hold";
	case RV_DENY:
		return "deny";
	case RV_OUTCOME_UNSET:
		break;
	}
	return "unset";
}

const char *rv_actor_type_name(enum rv_actor_type t)
{
	static const char *const names[] = { "none", "person", "ai_system", "point", "service" };
	return (size_t)t < RV_COUNT(names) ? names[t] : "none";
}

static const struct {
	const char *name;
	int64_t bit;
} rights[] = {
	{ "admin", RV_RIGHT_ADMIN },
	{ "governor", RV_RIGHT_GOVERNOR },
	{ "owner", RV_RIGHT_OWNER },
	{ "approver", RV_RIGHT_APPROVER },
	{ "auditor", RV_RIGHT_AUDITOR },
	{ "responder", RV_RIGHT_RESPONDER },
	{ "breakglass", RV_RIGHT_BREAKGLASS },
};

int64_t rv_right_parse(struct rv_str name)
{
	for (size_t i = 0; i < RV_COUNT(rights); i++)
		if (rv_str_eqz(name, rights[i].name))
			return rights[i].bit;
	return 0;
}

const char *rv_rights_text(int64_t bits, char buf[80])
{
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < RV_COUNT(rights); i++)
		if (bits & rights[i].bit)
			n += (size_t)snprintf(
				buf + n, 80 - n, "%s%s", n ? "," : "", rights[i].name);
	return buf;
}

static const char *const event_kinds[] = {
	[RV_EV_NONE] = "",
#define X(name, text) [RV_EV_##name] = text,
#include "governance/events.def"
#undef X
};

const char *rv_event_kind_name(enum rv_event_kind k)
{
	return (size_t)k < RV_COUNT(event_kinds) ? event_kinds[k] : "";
}

const char *rv_kind_name(enum rv_kind k)
{
	static const char *const names[] = { "", "Person", "Team", "Group", "Role", "Point",
		"Resource", "System", "Limit", "Policy" };
	return (size_t)k < RV_COUNT(names) ? names[k] : "";
}
