/* Templates: a link fills the slots of a scope; everything else is the template's own. */
#include "cedar/cedar_int.h"

/* Says which slots are at fault: "?principal", "?resource", or both. */
static cedar_code fail_slots(
	const cedar_link *link, bool principal, bool resource, const char *what, cedar_error *err)
{
	return cedar_fail(err, CEDAR_ELINK, "link '%.*s': template '%.*s' %s %s%s%s",
		RV_FMT(link->id), RV_FMT(link->template_id), what, principal ? "?principal" : "",
		principal && resource ? " and " : "", resource ? "?resource" : "");
}

static void fill_slot(struct scope *s, const cedar_uid *uid)
{
	if (!s->is_slot)
		return;
	s->is_slot = false;
	s->uid = uid;
}

cedar_code cedar_link_fill(
	const cedar_policies *ps, const cedar_link *link, struct policy *out, cedar_error *err)
{
	const struct policy *t = cedar_policies_get(ps, link->template_id);
	if (!t || !t->info.is_template)
		return cedar_fail(err, CEDAR_ELINK, "link '%.*s': %s '%.*s'%s", RV_FMT(link->id),
			t ? "policy" : "there is no template", RV_FMT(link->template_id),
			t ? " has no slots to fill" : "");
	bool p = t->principal.is_slot, r = t->resource.is_slot;
	if ((p && !link->principal) || (r && !link->resource))
		return fail_slots(link, p && !link->principal, r && !link->resource,
			"needs a value for", err);
	if ((!p && link->principal) || (!r && link->resource))
		return fail_slots(link, !p && link->principal, !r && link->resource,
			"does not have the slot", err);
	*out = *t;
	out->info.id = link->id;
	out->info.is_template = false;
	out->info.is_linked = true;
	out->info.template_index = (size_t)(t - ps->list);
	out->info.slot_principal = p ? link->principal : NULL;
	out->info.slot_resource = r ? link->resource : NULL;
	fill_slot(&out->principal, link->principal);
	fill_slot(&out->resource, link->resource);
	return CEDAR_OK;
}
