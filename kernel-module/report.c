// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - what is told to tracing and to the audit log
 *
 * What is refused may be reported anywhere: in an interrupt, with an IPC object,
 * the list of all tasks or any task locked, the current one included.  Nothing
 * sleeps there, and no task is locked.  What is done to jails is reported with
 * no lock held, and may wait for room in the queue of records.
 */

#include <linux/audit.h>
#include <linux/cred.h>
#include <linux/sched.h>

#include "jaula.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * Begins a record of what the current task has done or wanted, or, where the
 * current task has nothing to do with it, of what was.  Returns NULL where nobody
 * has turned auditing on; there is no record then, and nothing is printed for the
 * want of a daemon.
 */
static struct audit_buffer *begin(int type, const char *op, bool by_current,
				  gfp_t gfp)
{
	struct audit_buffer *ab;
	char comm[TASK_COMM_LEN];

	if (!audit_enabled)
		return NULL;
	ab = audit_log_start(by_current ? audit_context() : NULL, gfp, type);
	if (!ab)
		return NULL;
	audit_log_format(ab, "op=%s", op);
	if (!by_current)
		return ab;
	audit_log_format(ab, " pid=%d uid=%u auid=%u ses=%u comm=",
			 task_tgid_nr(current),
			 from_kuid(&init_user_ns, current_uid()),
			 from_kuid(&init_user_ns, audit_get_loginuid(current)),
			 audit_get_sessionid(current));
	memcpy(comm, current->comm, sizeof(comm));
	comm[sizeof(comm) - 1] = '\0';
	audit_log_untrustedstring(ab, comm);
	return ab;
}

static void audit_jail(const char *op, u32 jail, u32 from)
{
	struct audit_buffer *ab = begin(AUDIT_JAULA_JAIL, op, true, GFP_KERNEL);

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

/*
 * The owner of a jail is gone.  Who the current task is says nothing: files are
 * closed by whoever comes by.
 */
void jaula_report_orphan(u32 jail)
{
	struct audit_buffer *ab;

	trace_jaula_destroy(jail, 0);
	ab = begin(AUDIT_JAULA_JAIL, "destroy", false, GFP_ATOMIC | __GFP_NOWARN);
	if (!ab)
		return;
	audit_log_format(ab, " jail=%u from=0 res=1", jail);
	audit_log_end(ab);
}

void jaula_trace_refusal(const struct jaula_refusal *refusal)
{
	trace_jaula_refuse(refusal);
}

/* Returns whether there is a record now. */
bool jaula_audit_refusal(const struct jaula_refusal *refusal)
{
	struct audit_buffer *ab;

	ab = begin(AUDIT_JAULA_REFUSAL, "refuse", refusal->by_current,
		   GFP_ATOMIC | __GFP_NOWARN);
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

/*
 * A line of the kernel's log.  Others put it on the console: whoever is refused
 * something may have that locked.  The name of a task is what the task wants it
 * to be, and is escaped.
 */
void jaula_log_refusal(const struct jaula_refusal *refusal)
{
	static const char line[] = KERN_NOTICE
		"jaula: %s in jail %u: %s%s%s%s refused on %s%s%s of jail %u\n";
	char who[4 * TASK_COMM_LEN + 16] = "a file";
	char name[48] = "", key[24] = "";

	if (refusal->by_current)
		scnprintf(who, sizeof(who), "%*pE[%d]",
			  (int)strnlen(current->comm, TASK_COMM_LEN),
			  current->comm, task_pid_nr(current));
	if (refusal->name_length)
		scnprintf(name, sizeof(name), " %.*s", refusal->name_length,
			  refusal->name);
	else if (refusal->id || refusal->has_key)
		scnprintf(name, sizeof(name), " %d", refusal->id);
	if (refusal->has_key)
		scnprintf(key, sizeof(key), " (key %#x)", refusal->key);
	printk_deferred(line, who, refusal->jail, refusal->call,
			refusal->command ? "(" : "", refusal->command ?: "",
			refusal->command ? ")" : "", refusal->kind, name, key,
			refusal->owner);
}

void jaula_trace_limit(u32 jail, const char *limit)
{
	trace_jaula_limit(jail, limit);
}

void jaula_audit_limit(u32 jail, const char *limit)
{
	struct audit_buffer *ab;

	ab = begin(AUDIT_JAULA_REFUSAL, "limit", true,
		   GFP_ATOMIC | __GFP_NOWARN);
	if (!ab)
		return;
	audit_log_format(ab, " jail=%u limit=%s res=0", jail, limit);
	audit_log_end(ab);
}

/*
 * Adds the jail of a task to a record of the kernel's about it.  The records of
 * this file, which tell of jails themselves, do not come here.
 */
void jaula_audit_task(struct audit_buffer *ab, struct task_struct *task,
		      bool object)
{
	u32 number = jaula_task_number_for_audit(task);

	if (number)
		audit_log_format(ab, " %s=%u", object ? "ojail" : "jail",
				 number);
}
