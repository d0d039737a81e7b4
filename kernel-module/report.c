// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - what is told to tracing and to the audit log
 *
 * Nothing here sleeps: a refusal may be reported with an IPC object locked.
 */

#include <linux/audit.h>
#include <linux/cred.h>
#include <linux/sched.h>

#include "jaula.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * Begins a record.  Returns NULL where nobody has turned auditing on; there is
 * no record then, and nothing is printed for the want of a daemon.
 */
static struct audit_buffer *begin(int type, const char *op)
{
	struct audit_buffer *ab;
	char comm[TASK_COMM_LEN];

	if (!audit_enabled)
		return NULL;
	ab = audit_log_start(audit_context(), GFP_ATOMIC | __GFP_NOWARN, type);
	if (!ab)
		return NULL;
	audit_log_format(ab, "op=%s pid=%d uid=%u auid=%u ses=%u comm=", op,
			 task_tgid_nr(current),
			 from_kuid(&init_user_ns, current_uid()),
			 from_kuid(&init_user_ns, audit_get_loginuid(current)),
			 audit_get_sessionid(current));
	audit_log_untrustedstring(ab, get_task_comm(comm, current));
	return ab;
}

static void audit_jail(const char *op, u32 jail, u32 from)
{
	struct audit_buffer *ab = begin(AUDIT_JAULA_JAIL, op);

	if (!ab)
		return;
	audit_log_format(ab, " jail=%u from=%u res=1", jail, from);
	audit_log_end(ab);
}

void jaula_report_create(u32 jail, u32 from)
{
	trace_jaula_create(jail, from);
	audit_jail("create", jail, from);
}

void jaula_report_attach(u32 jail, u32 from)
{
	trace_jaula_attach(jail, from);
	audit_jail("attach", jail, from);
}

void jaula_report_destroy(u32 jail, u32 from)
{
	trace_jaula_destroy(jail, from);
	audit_jail("destroy", jail, from);
}

void jaula_trace_refusal(const struct jaula_refusal *refusal)
{
	trace_jaula_refuse(refusal);
}

/* Returns whether there is a record now. */
bool jaula_audit_refusal(const struct jaula_refusal *refusal)
{
	struct audit_buffer *ab = begin(AUDIT_JAULA_REFUSAL, "refuse");

	if (!ab)
		return false;
	audit_log_format(ab, " jail=%u owner=%u call=%s", refusal->jail,
			 refusal->owner, refusal->call);
	if (refusal->command)
		audit_log_format(ab, " cmd=%s", refusal->command);
	audit_log_format(ab, " kind=\"%s\" id=%d key=0x%x res=0", refusal->kind,
			 refusal->id, refusal->key);
	audit_log_end(ab);
	return true;
}
