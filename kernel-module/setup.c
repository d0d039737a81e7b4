// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - state, system calls, and what is a macro or inline in C
 *
 * Everything that is a macro or an inline function in C, and nothing that
 * decides: that is in Rust.
 */

#include <linux/fs_struct.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/key-type.h>
#include <linux/limits.h>
#include <linux/lsm_hooks.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/path.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/xarray.h>
#include <net/af_unix.h>
#include <net/net_namespace.h>

#include "jaula.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "jaula."

bool jaula_enabled __ro_after_init;

/* How many jails may exist at one time. */
unsigned int jaula_max_jails __ro_after_init = 65535;
module_param_named(max_jails, jaula_max_jails, uint, 0444);

struct lsm_blob_sizes jaula_blob_sizes __ro_after_init = {
	.lbs_cred = sizeof(struct jaula_cred_blob),
	.lbs_ipc = sizeof(struct jaula_ipc_blob),
	.lbs_key = sizeof(struct jaula_mark),
	.lbs_task = sizeof(struct jaula_task_blob),
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

/*
 * The lowest number that is given out.  With one near the end of the range
 * numbers come round soon, and run out soon: tests see both.
 */
static unsigned int jaula_first_number __ro_after_init = 1;

static int set_first_number(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, INT_MAX);
}

static const struct kernel_param_ops first_number_ops = {
	.set = set_first_number,
	.get = param_get_uint,
};
module_param_cb(first_number, &first_number_ops, &jaula_first_number, 0444);

int jaula_number_alloc(u32 *number)
{
	return xa_alloc_cyclic_irq(&jaula_numbers, number, NULL,
				   XA_LIMIT(jaula_first_number, INT_MAX),
				   &jaula_next_number, GFP_KERNEL);
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
	return get_ipc_ns_not_zero(ns);
}

void jaula_ipc_namespace_put(struct ipc_namespace *ns)
{
	put_ipc_ns(ns);
}

/* NULL for the directory of the queues, and where there are no queues. */
const struct cred *jaula_mqueue_cred(struct inode *inode)
{
	return mqueue_cred(inode);
}

void jaula_mqueue_remove(void *jail)
{
	mqueue_remove(jaula_mqueue_belongs, jail);
}

void jaula_shm_init_task(struct task_struct *task)
{
	shm_init_task(task);
}

/*
 * The first process of all can't be killed, and ends with the machine.  A root
 * directory that is shared could be changed from either side, and what is traced
 * stays so.
 */
bool jaula_is_whole_process(struct task_struct *task)
{
	bool is_alone;

	spin_lock(&task->fs->lock);
	is_alone = task->fs->users == 1;
	spin_unlock(&task->fs->lock);

	return is_alone && thread_group_leader(task) && !is_global_init(task) &&
	       list_empty_careful(&task->ptraced);
}

/* Whoever wants to be traced by a task asks with the list locked for writing. */
void jaula_lock_tasks(void)
{
	read_lock(&tasklist_lock);
}

void jaula_unlock_tasks(void)
{
	read_unlock(&tasklist_lock);
}

/* To be called with the list of all tasks locked. */
bool jaula_is_tracer(struct task_struct *task)
{
	return !list_empty(&task->ptraced);
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

bool jaula_is_in_task(void)
{
	return in_task();
}

/* Whether the kernel itself acts, and not for a program. */
bool jaula_is_kernel_at_work(void)
{
	return system_state < SYSTEM_RUNNING || current->flags & PF_KTHREAD;
}

/* Where there is no network, everybody is in the same. */
bool jaula_is_in_init_net(void)
{
#ifdef CONFIG_NET
	return current->nsproxy && current->nsproxy->net_ns == &init_net;
#else
	return true;
#endif
}

/* To be called under RCU. */
const struct cred *jaula_task_cred(struct task_struct *task)
{
	return __task_cred(task);
}

/*
 * Whether @subject has a capability over the user namespace that @object is in,
 * for a look alone or for more: in its own sets, since whoever owns a namespace
 * has all of them over it, and has the user that @object had when it made one.
 * Nobody is told when it has not.  @is_there says that a task is meant that acts
 * at this moment, and not one that has asked for something and may be gone.
 */
bool jaula_is_capable_over(const struct cred *subject,
			   const struct cred *object, int cap, bool is_look,
			   bool is_there)
{
	if (!in_userns(subject->user_ns, object->user_ns) ||
	    !cap_raised(subject->cap_effective, cap))
		return false;
	/* Not all modules can be asked in an interrupt. */
	if (!is_there)
		return true;
	return !security_capable(subject, subject->user_ns, cap,
				 CAP_OPT_NOAUDIT |
				 (is_look ? CAP_OPT_READ : CAP_OPT_NONE));
}

/* Also true for one that has been waited for.  To be called under RCU. */
bool jaula_is_in_session_of_current(struct task_struct *task)
{
	struct pid *session = task_session(task);

	return !session || session == task_session(current);
}

/* To be called under RCU. */
struct task_struct *jaula_parent_of(struct task_struct *task)
{
	return rcu_dereference(task->real_parent);
}

/* The task that has this number in the instance of /proc.  Under RCU. */
struct task_struct *jaula_proc_task(struct inode *inode, int number)
{
	return find_task_by_pid_ns(number, proc_pid_ns(inode->i_sb));
}

/*
 * Whether what a process has of its network namespace in /proc is the current
 * task's own, and of no namespace that the host is in.
 */
bool jaula_is_own_net(struct inode *inode, int number)
{
	struct task_struct *task;
	bool is_own;

	rcu_read_lock();
	task = jaula_proc_task(inode, number);
	is_own = task && same_thread_group(task, current);
	rcu_read_unlock();
	return is_own && !jaula_is_in_init_net();
}

/* Whether a path leads from the root of the current task to a file. */
bool jaula_is_in_own_root(const struct path *path)
{
	struct path root;
	bool is_in_root;

	get_fs_root(current->fs, &root);
	/* Most are: what is mounted where need not be locked for that. */
	is_in_root = (path->mnt == root.mnt &&
		      is_subdir(path->dentry, root.dentry)) ||
		     path_is_under(path, &root);
	path_put(&root);
	return is_in_root;
}

/* Whether a file is of a mount that the kernel has made for itself alone. */
bool jaula_is_on_internal_mount(struct file *file)
{
	return file->f_path.mnt->mnt_flags & MNT_INTERNAL;
}

/*
 * Whether it is the kernel that has chosen a file for the current task: the lower
 * one of a file system that lies over another, or an interpreter that has been
 * opened when it was registered, by whoever did that.
 */
bool jaula_is_kernels_choice(struct file *file)
{
	return file->f_mode & FMODE_BACKING || file->f_cred != current_real_cred();
}

void jaula_counter_increment(atomic64_t *counter)
{
	atomic64_inc(counter);
}

u64 jaula_counter_get(atomic64_t *counter)
{
	return atomic64_read(counter);
}

#ifdef CONFIG_SECURITY_NETWORK
/* To be called with the state of the socket locked, or for one that is bound. */
bool jaula_unix_is_abstract(struct sock *sk)
{
	const struct unix_address *addr = READ_ONCE(unix_sk(sk)->addr);

	return addr && addr->len > offsetof(struct sockaddr_un, sun_path) &&
	       !addr->name->sun_path[0];
}
#endif

void jaula_drop_session_keyring(struct cred *cred)
{
#ifdef CONFIG_KEYS
	struct key *keyring = cred->session_keyring;

	cred->session_keyring = NULL;
	key_put(keyring);
#endif
}

struct key *jaula_session_keyring(const struct cred *cred)
{
#ifdef CONFIG_KEYS
	return cred->session_keyring;
#else
	return NULL;
#endif
}

void jaula_copy_session_keyring(struct cred *new, const struct cred *old)
{
#ifdef CONFIG_KEYS
	struct key *keyring = new->session_keyring;

	new->session_keyring = key_get(old->session_keyring);
	key_put(keyring);
#endif
}

#ifdef CONFIG_KEYS
/*
 * Whether a key stands for a request that a program of the host answers, or is
 * a persistent keyring, of which a user has one, or the register of those.
 */
bool jaula_key_is_shared(struct key *key)
{
	return !strcmp(key->type->name, ".request_key_auth") ||
	       (key->type == &key_type_keyring &&
		(strstarts(key->description, "_persistent.") ||
		 !strcmp(key->description, ".persistent_register")));
}

/* Whether signatures are checked against a key. */
bool jaula_key_is_certificate(struct key *key)
{
	return !strcmp(key->type->name, "asymmetric");
}

void jaula_key_put(struct key *key)
{
	key_put(key);
}
#endif

static int __init jaula_init(void)
{
	jaula_add_hooks();
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

SYSCALL_DEFINE3(open_jail, int, jail_fd, int, number, unsigned int, flags)
{
	return jaula_open_jail(jail_fd, number, flags);
}

SYSCALL_DEFINE2(create_owned_jail, int, jail_fd, unsigned int, flags)
{
	return jaula_create_owned_jail(jail_fd, flags);
}

SYSCALL_DEFINE2(attach_jailfd, int, jail_fd, unsigned int, flags)
{
	return jaula_attach_jailfd(jail_fd, flags);
}

SYSCALL_DEFINE2(destroy_jailfd, int, jail_fd, unsigned int, flags)
{
	return jaula_destroy_jailfd(jail_fd, flags);
}

SYSCALL_DEFINE2(disown_jail, int, jail_fd, unsigned int, flags)
{
	return jaula_disown_jail(jail_fd, flags);
}
