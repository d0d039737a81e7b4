// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - registration with the LSM framework and the system call table
 *
 * Everything that is a macro or an inline function in C, and nothing that
 * decides: that is in Rust.
 */

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/lsm_hooks.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/xarray.h>
#include <uapi/linux/lsm.h>

#include "jaula.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "jaula."

bool jaula_enabled __ro_after_init;

/* How many jails may exist at one time. */
unsigned int jaula_max_jails __ro_after_init = 65535;
module_param_named(max_jails, jaula_max_jails, uint, 0444);

struct lsm_blob_sizes jaula_blob_sizes __ro_after_init = {
	.lbs_task = sizeof(struct jaula_task_blob),
	.lbs_ipc = sizeof(struct jaula_ipc_blob),
};

DEFINE_SPINLOCK(jaula_tree_lock);

DEFINE_RATELIMIT_STATE(jaula_host_ratelimit, DEFAULT_RATELIMIT_INTERVAL,
		       DEFAULT_RATELIMIT_BURST);

void jaula_ratelimit_init(struct ratelimit_state *rs)
{
	ratelimit_default_init(rs);
}

/*
 * The numbers in use, and the jails that have them, but for those that are
 * dead.  A number is released when its jail is freed, in softirq context:
 * hence the lock with interrupts disabled.
 */
static DEFINE_XARRAY_FLAGS(jaula_numbers, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_IRQ);
static u32 jaula_next_number = 1;

int jaula_number_alloc(u32 *number)
{
	return xa_alloc_cyclic_irq(&jaula_numbers, number, NULL,
				   XA_LIMIT(1, INT_MAX), &jaula_next_number,
				   GFP_KERNEL);
}

void jaula_number_release(u32 number)
{
	unsigned long flags;

	xa_lock_irqsave(&jaula_numbers, flags);
	__xa_erase(&jaula_numbers, number);
	xa_unlock_irqrestore(&jaula_numbers, flags);
}

/* The number is allocated, so that no memory is: cannot fail. */
void jaula_number_set(u32 number, void *jail)
{
	unsigned long flags;

	xa_lock_irqsave(&jaula_numbers, flags);
	__xa_store(&jaula_numbers, number, jail, 0);
	xa_unlock_irqrestore(&jaula_numbers, flags);
}

void *jaula_number_find(u32 number)
{
	return xa_load(&jaula_numbers, number);
}

void *jaula_number_next(u32 *number)
{
	unsigned long index = *number;
	void *jail = xa_find(&jaula_numbers, &index, INT_MAX, XA_PRESENT);

	*number = index;
	return jail;
}

void jaula_rcu_read_lock(void)
{
	rcu_read_lock();
}

void jaula_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

bool jaula_refcount_inc_not_zero(refcount_t *count)
{
	return refcount_inc_not_zero(count);
}

void jaula_completion_init(struct completion *completion)
{
	init_completion(completion);
}

static void destroy_work(struct work_struct *work)
{
	jaula_destroy_work(to_delayed_work(work));
}

void jaula_work_init(struct delayed_work *work)
{
	INIT_DELAYED_WORK(work, destroy_work);
}

/* Returns whether it is queued now and was not before. */
bool jaula_work_queue(struct delayed_work *work, u32 per_second)
{
	if (!per_second)
		return !mod_delayed_work(system_unbound_wq, work, 0);
	return queue_delayed_work(system_unbound_wq, work, HZ / per_second);
}

void jaula_cond_resched(void)
{
	cond_resched();
}

/*
 * A task that is traced with PTRACE_O_TRACEEXIT stops once more on its way
 * out, and no second SIGKILL is sent to a process that is dying: leave one
 * to the task itself, as is done for each thread of a process that is killed.
 */
void jaula_kill(struct task_struct *task)
{
	unsigned long flags;

	do_send_sig_info(SIGKILL, SEND_SIG_PRIV, task, PIDTYPE_TGID);

	if (!lock_task_sighand(task, &flags))
		return;
	if (task_is_traced(task) && !(task->flags & PF_EXITING)) {
		sigaddset(&task->pending.signal, SIGKILL);
		signal_wake_up(task, true);
	}
	unlock_task_sighand(task, &flags);
}

struct ipc_namespace *jaula_current_ipc_namespace(void)
{
	return current->nsproxy->ipc_ns;
}

bool jaula_ipc_namespace_get(struct ipc_namespace *ns)
{
	return refcount_inc_not_zero(&ns->ns.count);
}

void jaula_shm_init_task(struct task_struct *task)
{
	shm_init_task(task);
}

/* The first process of all can't be killed, and ends with the machine. */
bool jaula_leads_process(struct task_struct *task)
{
	return thread_group_leader(task) && !is_global_init(task);
}

int jaula_print_number(char *buffer, size_t size, u64 number)
{
	return scnprintf(buffer, size, "%llu\n", number);
}

int jaula_print_time(char *buffer, size_t size, u64 nanoseconds)
{
	u32 rest;
	u64 seconds = div_u64_rem(nanoseconds, NSEC_PER_SEC, &rest);

	return scnprintf(buffer, size, "%llu.%09u\n", seconds, rest);
}

static int hook_getprocattr(struct task_struct *task, const char *name,
			    char **value)
{
	long number;

	if (strcmp(name, "current"))
		return -EINVAL;
	number = jaula_task_number(task);
	if (number < 0)
		return number;
	*value = kasprintf(GFP_KERNEL, "%ld\n", number);
	return *value ? strlen(*value) : -ENOMEM;
}

static int hook_getselfattr(unsigned int attr, struct lsm_ctx __user *ctx,
			    u32 *size, u32 flags)
{
	char value[16];
	int err;

	if (attr != LSM_ATTR_CURRENT)
		return -EOPNOTSUPP;
	err = lsm_fill_user_ctx(ctx, size, value,
				scnprintf(value, sizeof(value), "%ld\n",
					  jaula_get_jailnumber()),
				LSM_ID_JAULA, 0);
	return err ? err : 1;
}

static int hook_ipc_lookup(struct kern_ipc_perm *ipcp, int call, int cmd)
{
	return jaula_ipc_lookup(ipcp, call, cmd, current);
}

static struct security_hook_list jaula_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(task_alloc, jaula_task_alloc),
	LSM_HOOK_INIT(task_exit, jaula_task_exit),
	LSM_HOOK_INIT(task_free, jaula_task_free),
	LSM_HOOK_INIT(getprocattr, hook_getprocattr),
	LSM_HOOK_INIT(getselfattr, hook_getselfattr),
	LSM_HOOK_INIT(ipc_lookup, hook_ipc_lookup),
	LSM_HOOK_INIT(ipc_addid, jaula_ipc_addid),
	LSM_HOOK_INIT(ipc_rmid, jaula_ipc_rmid),
	LSM_HOOK_INIT(msg_queue_alloc_security, jaula_ipc_alloc),
	LSM_HOOK_INIT(msg_queue_free_security, jaula_ipc_free),
	LSM_HOOK_INIT(shm_alloc_security, jaula_ipc_alloc),
	LSM_HOOK_INIT(shm_free_security, jaula_ipc_free),
	LSM_HOOK_INIT(sem_alloc_security, jaula_ipc_alloc),
	LSM_HOOK_INIT(sem_free_security, jaula_ipc_free),
};

static const struct lsm_id jaula_lsmid = {
	.name = "jaula",
	.id = LSM_ID_JAULA,
};

static int __init jaula_init(void)
{
	security_add_hooks(jaula_hooks, ARRAY_SIZE(jaula_hooks), &jaula_lsmid);
	jaula_enabled = true;
	return 0;
}

DEFINE_LSM(jaula) = {
	.name = "jaula",
	.init = jaula_init,
	.blobs = &jaula_blob_sizes,
};

SYSCALL_DEFINE0(create_newjail)
{
	return jaula_create_newjail();
}

SYSCALL_DEFINE0(get_jailnumber)
{
	return jaula_get_jailnumber();
}

SYSCALL_DEFINE1(attach_jail, int, number)
{
	return jaula_attach_jail(number);
}

SYSCALL_DEFINE1(destroy_jail, int, number)
{
	return jaula_destroy_jail(number);
}
