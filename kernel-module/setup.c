// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - registration with the LSM framework and the system call table
 *
 * Everything that is a macro or an inline function in C, and nothing that
 * decides: that is in Rust.
 */

#include <linux/init.h>
#include <linux/limits.h>
#include <linux/lsm_hooks.h>
#include <linux/moduleparam.h>
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

/* A blob holds one pointer to a jail; NULL is the host. */
struct lsm_blob_sizes jaula_blob_sizes __ro_after_init = {
	.lbs_task = sizeof(void *),
	.lbs_ipc = sizeof(void *),
};

DEFINE_RATELIMIT_STATE(jaula_host_ratelimit, DEFAULT_RATELIMIT_INTERVAL,
		       DEFAULT_RATELIMIT_BURST);

void jaula_ratelimit_init(struct ratelimit_state *rs)
{
	ratelimit_default_init(rs);
}

/*
 * The numbers in use.  They are released where the last reference to a jail
 * is dropped, which may be in an interrupt: hence the lock with interrupts
 * disabled.
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

void jaula_shm_init_task(struct task_struct *task)
{
	shm_init_task(task);
}

bool jaula_thread_group_leader(struct task_struct *task)
{
	return thread_group_leader(task);
}

static int hook_ipc_lookup(struct kern_ipc_perm *ipcp, int call, int cmd)
{
	return jaula_ipc_lookup(ipcp, call, cmd, current);
}

static struct security_hook_list jaula_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(task_alloc, jaula_task_alloc),
	LSM_HOOK_INIT(task_free, jaula_task_free),
	LSM_HOOK_INIT(ipc_lookup, hook_ipc_lookup),
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
