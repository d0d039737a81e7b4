/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jaula - what the C and the Rust half of the module call of each other
 *
 * Also read by bindgen, so that the compiler checks both halves against it.
 */

#ifndef _SECURITY_JAULA_H
#define _SECURITY_JAULA_H

#include <linux/binfmts.h>
#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/filelock.h>
#include <linux/fs.h>
#include <linux/ipc.h>
#include <linux/ipc_namespace.h>
#include <linux/key.h>
#include <linux/lsm_hooks.h>
#include <linux/magic.h>
#include <linux/msg.h>
#include <linux/netlink.h>
#include <linux/ptrace.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sem.h>
#include <linux/security.h>
#include <linux/shm.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <uapi/linux/shm.h>

/* The files outside of the directories of jails. */
#define JAULA_FILE_VERSION 0
#define JAULA_FILE_ERRATA 1

/* How long what a file holds may be, and what is written to it. */
#define JAULA_FILE_MAX 512

/* What the Rust half keeps in the blobs: a tag, a list node, and the rest. */
struct jaula_task_blob {
	void *words[5];
};

struct jaula_ipc_blob {
	void *words[8];
};

/* The same for credentials, and for keys, which are marked without a reference. */
struct jaula_cred_blob {
	void *tag;
};

struct jaula_mark {
	u32 words[3];
};

struct audit_buffer;

/* A call that was refused on something of another jail. */
struct jaula_refusal {
	u32 jail;
	u32 owner;
	const char *call;
	/* NULL for a call that has none. */
	const char *command;
	const char *kind;
	/* Of this length, which is 0 for what has a number and no name. */
	const char *name;
	int name_length;
	int id;
	bool has_key;
	u32 key;
	/* Whether the current task has made it. */
	bool by_current;
};

/* What is waited for by those who wait for the end of a jail. */
struct jaula_end {
	struct completion done;
	struct wait_queue_head pollers;
};

/* What the holder of a descriptor may do besides reading: flags of open_jail() */
#define JAULA_ATTACH 1
#define JAULA_ADMINISTER 2

/* What a descriptor tells. */
struct jaula_fd_info {
	u32 number;
	u32 rights;
	bool is_owner;
	bool is_dying;
	bool is_dead;
	u64 created;
	u64 tasks;
	u64 children;
	u64 sem;
	u64 shm;
	u64 msg;
};

/* setup.c: state of the module, constant after boot */
extern bool jaula_enabled;
extern unsigned int jaula_max_jails;
extern struct lsm_blob_sizes jaula_blob_sizes;

/* setup.c: what only C can do, because it is a macro or an inline function */
extern spinlock_t jaula_tree_lock;
extern struct ratelimit_state jaula_host_ratelimit;
void jaula_ratelimit_init(struct ratelimit_state *rs);
int jaula_number_alloc(u32 *number);
void jaula_number_release(u32 number);
void jaula_number_set(u32 number, void *jail);
void *jaula_number_find(u32 number);
void *jaula_number_next(u32 *number);
void jaula_rcu_read_lock(void);
void jaula_rcu_read_unlock(void);
bool jaula_refcount_inc_not_zero(refcount_t *count);
void jaula_work_init(struct delayed_work *work);
bool jaula_work_queue(struct delayed_work *work, u32 per_second);
void jaula_cond_resched(void);
void jaula_kill(struct task_struct *task);
struct ipc_namespace *jaula_current_ipc_namespace(void);
bool jaula_ipc_namespace_get(struct ipc_namespace *ns);
void jaula_ipc_namespace_put(struct ipc_namespace *ns);
const struct cred *jaula_mqueue_cred(struct inode *inode);
void jaula_mqueue_remove(void *jail);
int jaula_print_number(char *buffer, size_t size, u64 number);
int jaula_print_time(char *buffer, size_t size, u64 nanoseconds);
void jaula_shm_init_task(struct task_struct *task);
bool jaula_is_whole_process(struct task_struct *task);
void jaula_lock_tasks(void);
void jaula_unlock_tasks(void);
bool jaula_is_tracer(struct task_struct *task);
bool jaula_is_in_task(void);
bool jaula_is_kernel_at_work(void);
bool jaula_is_in_init_net(void);
bool jaula_is_own_net(struct inode *inode, int number);
const struct cred *jaula_task_cred(struct task_struct *task);
bool jaula_is_capable_over(const struct cred *subject,
			   const struct cred *object, int cap, bool is_look,
			   bool is_there);
bool jaula_is_in_session_of_current(struct task_struct *task);
struct task_struct *jaula_parent_of(struct task_struct *task);
struct task_struct *jaula_proc_task(struct inode *inode, int number);
bool jaula_is_in_own_root(const struct path *path);
bool jaula_is_on_internal_mount(struct file *file);
bool jaula_is_kernels_choice(struct file *file);
void jaula_counter_increment(atomic64_t *counter);
u64 jaula_counter_get(atomic64_t *counter);
bool jaula_unix_is_abstract(struct sock *sk);
void jaula_drop_session_keyring(struct cred *cred);
struct key *jaula_session_keyring(const struct cred *cred);
void jaula_copy_session_keyring(struct cred *new, const struct cred *old);
bool jaula_key_is_shared(struct key *key);
bool jaula_key_is_certificate(struct key *key);
void jaula_key_put(struct key *key);

/* jailfd.c */
int jaula_fd_reserve(void);
void jaula_fd_unreserve(int fd);
struct file *jaula_fd_file(void *descriptor);
void jaula_fd_install(int fd, struct file *file);
void *jaula_fd_of(struct file *file);
struct file *jaula_fd_get(int fd);
void jaula_fd_put(struct file *file);
bool jaula_is_barred_from(const void *jail);
void jaula_end_init(struct jaula_end *end);
void jaula_end_announce(struct jaula_end *end);

/* securityfs.c */
bool jaula_fs_is_own(struct inode *inode);

/* lsm.c */
void jaula_add_hooks(void);

/* report.c: what the current task has done, or was refused, and whose it is */
void jaula_report_create(u32 jail, u32 from);
void jaula_report_attach(u32 jail, u32 from);
void jaula_report_destroy(u32 jail, u32 from);
void jaula_report_orphan(u32 jail);
void jaula_trace_refusal(const struct jaula_refusal *refusal);
bool jaula_audit_refusal(const struct jaula_refusal *refusal);
void jaula_log_refusal(const struct jaula_refusal *refusal);
void jaula_trace_limit(u32 jail, const char *limit);
void jaula_audit_limit(u32 jail, const char *limit);
void jaula_audit_task(struct audit_buffer *ab, struct task_struct *task,
		      bool object);

/* hooks.rs */
int jaula_task_alloc(struct task_struct *task, u64 clone_flags);
void jaula_task_exit(struct task_struct *task);
void jaula_task_release(struct task_struct *task);
void jaula_task_free(struct task_struct *task);
int jaula_ipc_alloc(struct kern_ipc_perm *ipcp);
void jaula_ipc_free(struct kern_ipc_perm *ipcp);
int jaula_ipc_addid(struct kern_ipc_perm *ipcp, int call, size_t size);
void jaula_ipc_rmid(struct kern_ipc_perm *ipcp);
int jaula_ipc_lookup(struct kern_ipc_perm *ipcp, int call, int cmd,
		     struct task_struct *subject);
long jaula_task_number(struct task_struct *task);
u32 jaula_task_number_for_audit(struct task_struct *task);

/* process.rs */
int jaula_task_kill(struct task_struct *object, int signal, bool is_kernels,
		    const struct cred *cred, struct task_struct *subject);
int jaula_task_schedule(struct task_struct *object, bool changes,
			const char *call, struct task_struct *subject);
int jaula_ptrace_access_check(struct task_struct *object, unsigned int mode,
			      struct task_struct *subject);
int jaula_ptrace_traceme(struct task_struct *tracer,
			 struct task_struct *object);
int jaula_file_send_sigiotask(struct task_struct *object,
			      struct fown_struct *owner, int signal);

/* credentials.rs */
int jaula_cred_prepare(struct cred *new, const struct cred *old, gfp_t gfp);
void jaula_cred_transfer(struct cred *new, const struct cred *old);
void jaula_cred_free(struct cred *cred);
int jaula_cred_alloc_blank(struct task_struct *subject);
int jaula_bprm_creds_for_exec(struct linux_binprm *bprm,
			      struct task_struct *subject);
int jaula_task_setrlimit(struct task_struct *object,
			 struct task_struct *subject);
int jaula_task_prlimit(const struct cred *subject, const struct cred *object,
		       unsigned int flags);
int jaula_uring_override_creds(const struct cred *new,
			       struct task_struct *subject);

/* capability.rs */
int jaula_capable(const struct cred *cred, struct user_namespace *ns,
		  int capability, bool is_quiet, bool is_look);
int jaula_userns_create(const struct cred *cred);
int jaula_gate(const char *call, int capability, int other,
	       struct task_struct *subject);
int jaula_mmap_addr(unsigned long address, struct task_struct *subject);

/* control.rs */
int jaula_file_open(struct file *file, bool writes, bool executes,
		    struct task_struct *subject);
int jaula_inode_create(struct inode *directory, const char *call,
		       struct task_struct *subject);
int jaula_inode_change(struct inode *inode, bool changes_use, const char *call,
		       struct task_struct *subject);

/* mqueue.rs */
bool jaula_mqueue_belongs(const struct cred *cred, void *jail);

/* socket.rs */
int jaula_unix_send(struct sock *other, const struct cred *owner,
		    struct task_struct *subject);
int jaula_socket_create(int family, int protocol, struct task_struct *subject);

/* keyring.rs */
int jaula_key_alloc(struct key *key);
int jaula_key_permission(struct key *key, bool is_look, bool is_search);
void jaula_key_user_register(struct user_namespace *ns, struct key ***place);

/* syscalls.rs */
long jaula_create_newjail(void);
long jaula_get_jailnumber(void);
long jaula_attach_jail(int number);
long jaula_destroy_jail(int number);
long jaula_open_jail(int jail_fd, int number, unsigned int flags);
long jaula_create_owned_jail(int jail_fd, unsigned int flags);
long jaula_attach_jailfd(int jail_fd, unsigned int flags);
long jaula_destroy_jailfd(int jail_fd, unsigned int flags);
long jaula_disown_jail(int jail_fd, unsigned int flags);

/* descriptor.rs */
void jaula_fd_release(void *descriptor);
struct wait_queue_head *jaula_fd_ended(void *descriptor);
bool jaula_fd_has_ended(void *descriptor);
void jaula_fd_info(void *descriptor, struct jaula_fd_info *info);
bool jaula_fd_bars(void *descriptor, const void *jail);
int jaula_file_receive(struct file *file);

/* destroy.rs */
void jaula_destroy_work(struct delayed_work *work);

/* files.rs, for securityfs.c */
u32 jaula_fs_lookup(const char *name, size_t length);
u32 jaula_fs_next(u32 first);
int jaula_fs_revalidate(u32 number);
int jaula_fs_find(const char *name, size_t length);
const char *jaula_fs_name(int index);
umode_t jaula_fs_mode(int index);
int jaula_fs_open(u32 number, bool write, void **jail);
void jaula_fs_close(void *jail);
int jaula_fs_read(void *jail, int index, char *buffer, size_t size);
int jaula_fs_write(void *jail, int index, const char *text, size_t length);

#endif /* _SECURITY_JAULA_H */
