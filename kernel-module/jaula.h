/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jaula - what the C and the Rust half of the module call of each other
 *
 * Also read by bindgen, so that the compiler checks both halves against it.
 */

#ifndef _SECURITY_JAULA_H
#define _SECURITY_JAULA_H

#include <linux/capability.h>
#include <linux/ipc.h>
#include <linux/lsm_hooks.h>
#include <linux/msg.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <uapi/linux/shm.h>

/* setup.c: state of the module, constant after boot */
extern bool jaula_enabled;
extern unsigned int jaula_max_jails;
extern struct lsm_blob_sizes jaula_blob_sizes;

/* setup.c: what only C can do, because it is a macro or an inline function */
extern struct ratelimit_state jaula_host_ratelimit;
void jaula_ratelimit_init(struct ratelimit_state *rs);
int jaula_number_alloc(u32 *number);
void jaula_number_release(u32 number);
void jaula_shm_init_task(struct task_struct *task);
bool jaula_thread_group_leader(struct task_struct *task);

/* hooks.rs */
int jaula_task_alloc(struct task_struct *task, unsigned long clone_flags);
void jaula_task_free(struct task_struct *task);
int jaula_ipc_alloc(struct kern_ipc_perm *ipcp);
void jaula_ipc_free(struct kern_ipc_perm *ipcp);
int jaula_ipc_lookup(struct kern_ipc_perm *ipcp, int call, int cmd,
		     struct task_struct *subject);

/* syscalls.rs */
long jaula_create_newjail(void);
long jaula_get_jailnumber(void);

#endif /* _SECURITY_JAULA_H */
