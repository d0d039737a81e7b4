// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - the hooks, as the LSM framework wants them
 *
 * What a hook is for is decided in Rust; which hooks there are, and which are
 * not needed, is told in the documentation.
 */

#include <linux/cred.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/key.h>
#include <linux/lsm_hooks.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/af_unix.h>
#include <uapi/linux/lsm.h>

#include "jaula.h"

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

static int hook_cred_alloc_blank(struct cred *cred, gfp_t gfp)
{
	return jaula_cred_alloc_blank(current);
}

static int hook_bprm_creds_for_exec(struct linux_binprm *bprm)
{
	return jaula_bprm_creds_for_exec(bprm, current);
}

#ifdef CONFIG_IO_URING
static int hook_uring_override_creds(const struct cred *new)
{
	return jaula_uring_override_creds(new, current);
}
#endif

static int hook_task_kill(struct task_struct *p, struct kernel_siginfo *info,
			  int sig, const struct cred *cred)
{
	return jaula_task_kill(p, sig, info == SEND_SIG_NOINFO, cred, current);
}

static int hook_ptrace_access_check(struct task_struct *child,
				    unsigned int mode)
{
	return jaula_ptrace_access_check(child, mode, current);
}

static int hook_ptrace_traceme(struct task_struct *parent)
{
	return jaula_ptrace_traceme(parent, current);
}

static int hook_task_setnice(struct task_struct *p, int nice)
{
	return jaula_task_schedule(p, true, "setpriority", current);
}

static int hook_task_getnice(struct task_struct *p)
{
	return jaula_task_schedule(p, false, "getpriority", current);
}

static int hook_task_setscheduler(struct task_struct *p)
{
	return jaula_task_schedule(p, true, "sched_set", current);
}

static int hook_task_getscheduler(struct task_struct *p)
{
	return jaula_task_schedule(p, false, "sched_get", current);
}

static int hook_task_setioprio(struct task_struct *p, int ioprio)
{
	return jaula_task_schedule(p, true, "ioprio_set", current);
}

static int hook_task_getioprio(struct task_struct *p)
{
	return jaula_task_schedule(p, false, "ioprio_get", current);
}

static int hook_task_setpgid(struct task_struct *p, pid_t pgid)
{
	return jaula_task_schedule(p, false, "setpgid", current);
}

static int hook_task_getpgid(struct task_struct *p)
{
	return jaula_task_schedule(p, false, "getpgid", current);
}

static int hook_task_getsid(struct task_struct *p)
{
	return jaula_task_schedule(p, false, "getsid", current);
}

static int hook_task_movememory(struct task_struct *p)
{
	return jaula_task_schedule(p, true, "move_pages", current);
}

static int hook_task_setrlimit(struct task_struct *p, unsigned int resource,
			       struct rlimit *new_rlim)
{
	return jaula_task_setrlimit(p, current);
}

static int hook_capget(const struct task_struct *p, kernel_cap_t *effective,
		       kernel_cap_t *inheritable, kernel_cap_t *permitted)
{
	return jaula_task_schedule((struct task_struct *)p, false, "capget",
				   current);
}

static int hook_inode_create(struct inode *dir, struct dentry *dentry,
			     umode_t mode)
{
	return jaula_inode_create(dir, "create", current);
}

static int hook_inode_mknod(struct inode *dir, struct dentry *dentry,
			    umode_t mode, dev_t dev)
{
	return jaula_inode_change(dir, true, "mknod", current);
}

static int hook_inode_link(struct dentry *old_dentry, struct inode *dir,
			   struct dentry *new_dentry)
{
	return jaula_inode_change(dir, true, "link", current);
}

static int hook_inode_unlink(struct inode *dir, struct dentry *dentry)
{
	return jaula_inode_change(d_backing_inode(dentry), true, "unlink",
				  current);
}

static int hook_inode_mkdir(struct inode *dir, struct dentry *dentry,
			    umode_t mode)
{
	return jaula_inode_change(dir, true, "mkdir", current);
}

static int hook_inode_rmdir(struct inode *dir, struct dentry *dentry)
{
	return jaula_inode_change(dir, true, "rmdir", current);
}

static int hook_inode_symlink(struct inode *dir, struct dentry *dentry,
			      const char *name)
{
	return jaula_inode_change(dir, true, "symlink", current);
}

static int hook_inode_rename(struct inode *old_dir, struct dentry *old_dentry,
			     struct inode *new_dir, struct dentry *new_dentry)
{
	return jaula_inode_change(old_dir, true, "rename", current);
}

static int hook_inode_setxattr(struct mnt_idmap *idmap, struct dentry *dentry,
			       const char *name, const void *value, size_t size,
			       int flags)
{
	return jaula_inode_change(d_backing_inode(dentry), true, "setxattr",
				  current);
}

static int hook_inode_removexattr(struct mnt_idmap *idmap,
				  struct dentry *dentry, const char *name)
{
	return jaula_inode_change(d_backing_inode(dentry), true, "removexattr",
				  current);
}

static int hook_inode_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			      struct iattr *attr)
{
	const unsigned int use = ATTR_MODE | ATTR_UID | ATTR_GID;

	return jaula_inode_change(d_backing_inode(dentry),
				  attr->ia_valid & use, "setattr", current);
}

static int hook_file_open(struct file *file)
{
	return jaula_file_open(file, file->f_mode & FMODE_WRITE,
			       file->f_flags & __FMODE_EXEC, current);
}

#ifdef CONFIG_SECURITY_NETWORK
/*
 * The credentials that a socket was made with, NULL where no program has made
 * it.  To be called with its state locked.
 */
static inline const struct cred *unix_cred(const struct sock *sk)
{
	const struct socket *socket = sk->sk_socket;

	return socket && socket->file ? socket->file->f_cred : NULL;
}

static int hook_unix_stream_connect(struct sock *sk, struct sock *other,
				    struct sock *newsk)
{
	return jaula_unix_send(other, unix_cred(other), current);
}

static int hook_socket_create(int family, int type, int protocol, int kern)
{
	return kern ? 0 : jaula_socket_create(family, protocol, current);
}

/* What is connected was decided about when it was. */
static int hook_unix_may_send(struct socket *sock, struct socket *other)
{
	if (unix_peer(sock->sk) == other->sk)
		return 0;
	return jaula_unix_send(other->sk, unix_cred(other->sk), current);
}
#endif

#ifdef CONFIG_KEYS
static int hook_key_alloc(struct key *key, const struct cred *cred,
			  unsigned long flags)
{
	return jaula_key_alloc(key);
}

static int hook_key_permission(key_ref_t key_ref, const struct cred *cred,
			       enum key_need_perm need_perm)
{
	return jaula_key_permission(key_ref_to_ptr(key_ref),
				    need_perm == KEY_NEED_VIEW,
				    need_perm == KEY_NEED_SEARCH &&
				    is_key_possessed(key_ref));
}
#endif

static int hook_capable(const struct cred *cred, struct user_namespace *ns,
			int cap, unsigned int opts)
{
	return jaula_capable(cred, ns, cap, opts & CAP_OPT_NOAUDIT,
			     opts & CAP_OPT_READ);
}

static int hook_mmap_addr(unsigned long addr)
{
	return jaula_mmap_addr(addr, current);
}

static int hook_syslog(int type)
{
	return jaula_gate("syslog", CAP_SYSLOG, CAP_SYS_ADMIN, current);
}

static int hook_kernel_module_request(char *kmod_name)
{
	return jaula_gate("request_module", CAP_SYS_MODULE, CAP_SYS_MODULE,
			  current);
}

#ifdef CONFIG_BPF_SYSCALL
static int hook_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	return jaula_gate("bpf", CAP_BPF, CAP_SYS_ADMIN, current);
}
#endif

#ifdef CONFIG_PERF_EVENTS
static int hook_perf_event_open(int type)
{
	return jaula_gate("perf_event_open", CAP_PERFMON, CAP_SYS_ADMIN,
			  current);
}
#endif

static struct security_hook_list jaula_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(task_alloc, jaula_task_alloc),
	LSM_HOOK_INIT(task_exit, jaula_task_exit),
	LSM_HOOK_INIT(task_release, jaula_task_release),
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

	LSM_HOOK_INIT(cred_alloc_blank, hook_cred_alloc_blank),
	LSM_HOOK_INIT(cred_prepare, jaula_cred_prepare),
	LSM_HOOK_INIT(cred_transfer, jaula_cred_transfer),
	LSM_HOOK_INIT(cred_free, jaula_cred_free),
	LSM_HOOK_INIT(bprm_creds_for_exec, hook_bprm_creds_for_exec),
#ifdef CONFIG_IO_URING
	LSM_HOOK_INIT(uring_override_creds, hook_uring_override_creds),
#endif

	LSM_HOOK_INIT(task_kill, hook_task_kill),
	LSM_HOOK_INIT(file_send_sigiotask, jaula_file_send_sigiotask),
	LSM_HOOK_INIT(ptrace_access_check, hook_ptrace_access_check),
	LSM_HOOK_INIT(ptrace_traceme, hook_ptrace_traceme),
	LSM_HOOK_INIT(task_setnice, hook_task_setnice),
	LSM_HOOK_INIT(task_getnice, hook_task_getnice),
	LSM_HOOK_INIT(task_setscheduler, hook_task_setscheduler),
	LSM_HOOK_INIT(task_getscheduler, hook_task_getscheduler),
	LSM_HOOK_INIT(task_setioprio, hook_task_setioprio),
	LSM_HOOK_INIT(task_getioprio, hook_task_getioprio),
	LSM_HOOK_INIT(task_setpgid, hook_task_setpgid),
	LSM_HOOK_INIT(task_getpgid, hook_task_getpgid),
	LSM_HOOK_INIT(task_getsid, hook_task_getsid),
	LSM_HOOK_INIT(task_movememory, hook_task_movememory),
	LSM_HOOK_INIT(task_prlimit, jaula_task_prlimit),
	LSM_HOOK_INIT(task_setrlimit, hook_task_setrlimit),
	LSM_HOOK_INIT(capget, hook_capget),

	LSM_HOOK_INIT(inode_create, hook_inode_create),
	LSM_HOOK_INIT(inode_mknod, hook_inode_mknod),
	LSM_HOOK_INIT(inode_link, hook_inode_link),
	LSM_HOOK_INIT(inode_unlink, hook_inode_unlink),
	LSM_HOOK_INIT(inode_mkdir, hook_inode_mkdir),
	LSM_HOOK_INIT(inode_rmdir, hook_inode_rmdir),
	LSM_HOOK_INIT(inode_symlink, hook_inode_symlink),
	LSM_HOOK_INIT(inode_rename, hook_inode_rename),
	LSM_HOOK_INIT(inode_setattr, hook_inode_setattr),
	LSM_HOOK_INIT(inode_setxattr, hook_inode_setxattr),
	LSM_HOOK_INIT(inode_removexattr, hook_inode_removexattr),
	LSM_HOOK_INIT(file_open, hook_file_open),
	LSM_HOOK_INIT(file_receive, jaula_file_receive),
#ifdef CONFIG_SECURITY_NETWORK
	LSM_HOOK_INIT(socket_create, hook_socket_create),
	LSM_HOOK_INIT(unix_stream_connect, hook_unix_stream_connect),
	LSM_HOOK_INIT(unix_may_send, hook_unix_may_send),
#endif
#ifdef CONFIG_KEYS
	LSM_HOOK_INIT(key_alloc, hook_key_alloc),
	LSM_HOOK_INIT(key_permission, hook_key_permission),
	LSM_HOOK_INIT(key_user_register, jaula_key_user_register),
#endif

	LSM_HOOK_INIT(capable, hook_capable),
	LSM_HOOK_INIT(userns_create, jaula_userns_create),
	LSM_HOOK_INIT(mmap_addr, hook_mmap_addr),
	LSM_HOOK_INIT(syslog, hook_syslog),
	LSM_HOOK_INIT(kernel_module_request, hook_kernel_module_request),
#ifdef CONFIG_BPF_SYSCALL
	LSM_HOOK_INIT(bpf, hook_bpf),
#endif
#ifdef CONFIG_PERF_EVENTS
	LSM_HOOK_INIT(perf_event_open, hook_perf_event_open),
#endif
#ifdef CONFIG_AUDIT
	LSM_HOOK_INIT(audit_log_task, jaula_audit_task),
#endif
};

static const struct lsm_id jaula_lsmid = {
	.name = "jaula",
	.id = LSM_ID_JAULA,
};

void __init jaula_add_hooks(void)
{
	security_add_hooks(jaula_hooks, ARRAY_SIZE(jaula_hooks), &jaula_lsmid);
}
