// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jaula - /sys/kernel/security/jaula
 *
 * One directory for each jail that the reader may see, with one value a file.
 * Nothing is made when a jail is: directories and files come into being when
 * they are looked up, and are forgotten when nobody uses them any more.
 *
 * What there is to see, and what a file holds, is decided in files.rs.
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/namei.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "jaula.h"

/*
 * Of a directory and the files in it, i_private is the number of the jail, 0
 * for what belongs to none; of a file, i_generation is the index in the table
 * of files.
 */
static u32 number_of(const struct inode *inode)
{
	return (unsigned long)inode->i_private;
}

/* The lowest numbers are those of directories that securityfs makes. */
static unsigned long ino_of(u32 number, int index)
{
	return (1UL << 16) + number * 64UL + (index + 1);
}

static int dentry_revalidate(struct dentry *dentry, unsigned int flags)
{
	u32 number;

	if (flags & LOOKUP_RCU)
		return -ECHILD;
	number = number_of(d_inode(dentry));
	return number ? jaula_fs_revalidate(number) : 1;
}

static const struct dentry_operations dentry_operations = {
	.d_revalidate = dentry_revalidate,
	.d_delete = always_delete_dentry,
};

/*
 * An inode is the same for all who see it: nobody changes it for the others.
 * What opens a file for writing may want it to be empty first.
 */
static int no_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		      struct iattr *attr)
{
	const unsigned int what = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_TOUCH |
				  ATTR_ATIME_SET | ATTR_MTIME_SET;

	return attr->ia_valid & what ? -EPERM : 0;
}

static const struct inode_operations file_inode_operations = {
	.setattr = no_setattr,
};

static struct dentry *instantiate(struct inode *dir, struct dentry *dentry,
				  u32 number, int index, umode_t mode,
				  const struct inode_operations *iops,
				  const struct file_operations *fops)
{
	struct inode *inode = new_inode(dir->i_sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_ino = ino_of(number, index);
	inode->i_mode = mode;
	inode->i_private = (void *)(unsigned long)number;
	inode->i_generation = index;
	inode->i_fop = fops;
	inode->i_op = iops;
	if (S_ISDIR(mode))
		inc_nlink(inode);
	simple_inode_init_ts(inode);
	d_set_d_op(dentry, &dentry_operations);
	return d_splice_alias(inode, dentry);
}

static int file_show(struct seq_file *m, void *unused)
{
	int index = file_inode(m->file)->i_generation;
	char text[JAULA_FILE_MAX];
	int length;

	length = jaula_fs_read(m->private, index, text, sizeof(text));
	if (length < 0)
		return length;
	seq_write(m, text, length);
	return 0;
}

static int file_open(struct inode *inode, struct file *file)
{
	u32 number = number_of(inode);
	void *jail = NULL;
	int err;

	if (number) {
		err = jaula_fs_open(number, file->f_mode & FMODE_WRITE, &jail);
		if (err)
			return err;
	}
	err = single_open(file, file_show, jail);
	if (err && jail)
		jaula_fs_close(jail);
	return err;
}

static int file_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	if (m->private)
		jaula_fs_close(m->private);
	return single_release(inode, file);
}

static ssize_t file_write(struct file *file, const char __user *from,
			  size_t count, loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	int index = file_inode(file)->i_generation;
	char text[JAULA_FILE_MAX];
	int err;

	if (*ppos || count > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	err = jaula_fs_write(m->private, index, text, count);
	if (err)
		return err;
	*ppos = count;
	return count;
}

static const struct file_operations file_operations = {
	.open = file_open,
	.release = file_release,
	.read = seq_read,
	.write = file_write,
	.llseek = seq_lseek,
};

static struct dentry *jail_lookup(struct inode *dir, struct dentry *dentry,
				  unsigned int flags)
{
	u32 number = number_of(dir);
	int index = jaula_fs_find(dentry->d_name.name, dentry->d_name.len);

	if (index < 0 || jaula_fs_revalidate(number) <= 0)
		return ERR_PTR(-ENOENT);
	return instantiate(dir, dentry, number, index,
			   S_IFREG | jaula_fs_mode(index),
			   &file_inode_operations,
			   &file_operations);
}

static int jail_iterate(struct file *file, struct dir_context *ctx)
{
	u32 number = number_of(file_inode(file));
	const char *name;

	if (jaula_fs_revalidate(number) <= 0)
		return -ENOENT;
	if (!dir_emit_dots(file, ctx))
		return 0;
	while ((name = jaula_fs_name(ctx->pos - 2))) {
		if (!dir_emit(ctx, name, strlen(name),
			      ino_of(number, ctx->pos - 2), DT_REG))
			break;
		ctx->pos++;
	}
	return 0;
}

static const struct inode_operations jail_inode_operations = {
	.lookup = jail_lookup,
	.setattr = no_setattr,
};

static const struct file_operations jail_operations = {
	.read = generic_read_dir,
	.iterate_shared = jail_iterate,
	.llseek = generic_file_llseek,
};

/* The files outside of the directories of jails, by index. */
static const char *const root_files[] = {
	[JAULA_FILE_VERSION] = "version",
	[JAULA_FILE_ERRATA] = "errata",
};

static struct dentry *root_lookup(struct inode *dir, struct dentry *dentry,
				  unsigned int flags)
{
	u32 number;
	int index;

	for (index = 0; index < ARRAY_SIZE(root_files); index++)
		if (!strcmp(dentry->d_name.name, root_files[index]))
			return instantiate(dir, dentry, 0, index, S_IFREG | 0444,
					   &file_inode_operations,
					   &file_operations);
	number = jaula_fs_lookup(dentry->d_name.name, dentry->d_name.len);
	if (!number)
		return ERR_PTR(-ENOENT);
	return instantiate(dir, dentry, number, -1, S_IFDIR | 0555,
			   &jail_inode_operations, &jail_operations);
}

/* A jail is listed at its number plus 3, after the four others. */
static int root_iterate(struct file *file, struct dir_context *ctx)
{
	char name[16];
	u32 number;

	if (!dir_emit_dots(file, ctx))
		return 0;
	while (ctx->pos - 2 < (loff_t)ARRAY_SIZE(root_files)) {
		int index = ctx->pos - 2;

		if (!dir_emit(ctx, root_files[index], strlen(root_files[index]),
			      ino_of(0, index), DT_REG))
			return 0;
		ctx->pos++;
	}
	while (ctx->pos - 3 <= INT_MAX) {
		number = jaula_fs_next(ctx->pos - 3);
		if (!number)
			break;
		ctx->pos = (loff_t)number + 3;
		if (!dir_emit(ctx, name, scnprintf(name, sizeof(name), "%u", number),
			      ino_of(number, -1), DT_DIR))
			break;
		ctx->pos++;
		cond_resched();
	}
	return 0;
}

static const struct inode_operations root_inode_operations = {
	.lookup = root_lookup,
	.setattr = no_setattr,
};

static const struct file_operations root_operations = {
	.read = generic_read_dir,
	.iterate_shared = root_iterate,
	.llseek = generic_file_llseek,
};

/* Whether a file is one of those above, which decide for themselves. */
bool jaula_fs_is_own(struct inode *inode)
{
	return inode->i_fop == &file_operations;
}

static int __init jaula_fs_init(void)
{
	struct dentry *root;

	if (!jaula_enabled)
		return 0;
	root = securityfs_create_dir("jaula", NULL);
	if (IS_ERR(root)) {
		/* A kernel without securityfs has jails all the same. */
		if (PTR_ERR(root) == -ENODEV)
			return 0;
		pr_err("jaula: /sys/kernel/security/jaula was not made: error %ld\n",
		       PTR_ERR(root));
		return PTR_ERR(root);
	}
	d_inode(root)->i_op = &root_inode_operations;
	d_inode(root)->i_fop = &root_operations;
	return 0;
}
fs_initcall(jaula_fs_init);
