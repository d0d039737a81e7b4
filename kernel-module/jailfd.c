// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - the files that descriptors of jails refer to
 *
 * What may be done with one is decided in Rust, as is what it tells.
 */

#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/time64.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "jaula.h"

/* The longest text that is read is shorter. */
#define TEXT_MAX 256

static int jailfd_release(struct inode *inode, struct file *file)
{
	jaula_fd_release(file->private_data);
	return 0;
}

static __poll_t jailfd_poll(struct file *file, struct poll_table_struct *wait)
{
	poll_wait(file, jaula_fd_ended(file->private_data), wait);
	return jaula_fd_has_ended(file->private_data) ? EPOLLIN | EPOLLHUP : 0;
}

static const char *state_name(const struct jaula_fd_info *info)
{
	if (info->is_dead)
		return "dead";
	return info->is_dying ? "dying" : "alive";
}

/* Each read tells all of it anew. */
static ssize_t jailfd_read(struct file *file, char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct jaula_fd_info info;
	char text[TEXT_MAX];
	u32 nanoseconds;
	u64 seconds;
	size_t length;

	jaula_fd_info(file->private_data, &info);
	seconds = div_u64_rem(info.created, NSEC_PER_SEC, &nanoseconds);
	length = scnprintf(text, sizeof(text),
			   "number %u\ncreated %llu.%09u\nstate %s\n"
			   "tasks %llu\nchildren %llu\n"
			   "sem %llu\nshm %llu\nmsg %llu\n",
			   info.number, seconds, nanoseconds, state_name(&info),
			   info.tasks, info.children, info.sem, info.shm,
			   info.msg);
	if (count < length)
		return -EINVAL;
	if (copy_to_user(buf, text, length))
		return -EFAULT;
	return length;
}

#ifdef CONFIG_PROC_FS
static void jailfd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct jaula_fd_info info;
	u32 nanoseconds;
	u64 seconds;

	jaula_fd_info(file->private_data, &info);
	seconds = div_u64_rem(info.created, NSEC_PER_SEC, &nanoseconds);
	seq_printf(m, "jail:\t%u\ncreated:\t%llu.%09u\nowner:\t%d\nrights:\tread%s%s\n",
		   info.number, seconds, nanoseconds, info.is_owner,
		   info.rights & JAULA_ATTACH ? " attach" : "",
		   info.rights & JAULA_ADMINISTER ? " administer" : "");
}
#endif

static const struct file_operations jailfd_operations = {
	.owner = THIS_MODULE,
	.release = jailfd_release,
	.poll = jailfd_poll,
	.read = jailfd_read,
	.llseek = noop_llseek,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = jailfd_show_fdinfo,
#endif
};

/* Returns the number of a descriptor that is nothing's yet, or an error. */
int jaula_fd_reserve(void)
{
	return get_unused_fd_flags(O_CLOEXEC);
}

void jaula_fd_unreserve(int fd)
{
	put_unused_fd(fd);
}

/* Returns a new file that has @descriptor, or NULL, and has it not. */
struct file *jaula_fd_file(void *descriptor)
{
	struct file *file;

	file = anon_inode_getfile("[jail]", &jailfd_operations, descriptor,
				  O_RDONLY);
	if (IS_ERR(file))
		return NULL;
	/* All is read, wherever one begins. */
	file->f_mode |= FMODE_PREAD;
	return file;
}

void jaula_fd_install(int fd, struct file *file)
{
	fd_install(fd, file);
}

/* Returns what a file has, NULL for one that is none of these. */
void *jaula_fd_of(struct file *file)
{
	return file->f_op == &jailfd_operations ? file->private_data : NULL;
}

/* Returns the file of a descriptor with a reference to it, NULL if there is none. */
struct file *jaula_fd_get(int fd)
{
	return fget(fd);
}

void jaula_fd_put(struct file *file)
{
	fput(file);
}

static int is_barred(const void *jail, struct file *file, unsigned int fd)
{
	void *descriptor = jaula_fd_of(file);

	return descriptor && jaula_fd_bars(descriptor, jail);
}

/*
 * Whether the current task has a descriptor that keeps it out of @jail.  Others
 * who share its table could get one later.
 */
bool jaula_is_barred_from(const void *jail)
{
	return atomic_read(&current->files->count) > 1 ||
	       iterate_fd(current->files, 0, is_barred, jail);
}

void jaula_end_init(struct jaula_end *end)
{
	init_completion(&end->done);
	init_waitqueue_head(&end->pollers);
}

void jaula_end_announce(struct jaula_end *end)
{
	complete_all(&end->done);
	/* Also those who want to be woken alone: the queue is not theirs alone. */
	wake_up_all(&end->pollers);
}
