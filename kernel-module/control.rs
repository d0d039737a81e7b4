// SPDX-License-Identifier: GPL-2.0-only

//! Files by which a process reaches another, or the kernel: what is opened, changed or removed in
//! `/proc`, `/sys` and the like, and message queues.
//!
//! Linux leaves most of them to who owns them, which is root.

use crate::{
    allowance::Permission,
    capability, credentials, exec,
    exported::exported,
    identity::Identity,
    mqueue,
    policy::{Access, Class, Errno},
    proc_path::{self, Place},
    rcu,
    reach::{Party, Told},
    refusal::{self, Target},
    task::{OtherTask, Subject},
};
use kernel::{
    bindings::{self, file, inode, task_struct},
    c_str,
    error::from_err_ptr,
    ffi::{c_char, c_int},
    str::CStr,
};

exported!(jaula_file_open, jaula_inode_change, jaula_inode_create);

/// What kind of file system a file is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    Proc,
    /// Its files are read by everybody and written to change the kernel.
    Settings,
    /// Its files tell of everybody, too.
    Diagnosis,
}

/// # Safety
///
/// `inode` must be valid.
#[inline(always)]
unsafe fn magic_of(inode: *mut inode) -> u32 {
    // SAFETY: By the requirements of this function; an inode keeps its file system.
    unsafe { (*(*inode).i_sb).s_magic as u32 }
}

/// Tells what kind of file system has this number.
#[inline(never)]
fn kind_of(magic: u32) -> Kind {
    match magic {
        bindings::PROC_SUPER_MAGIC => Kind::Proc,
        bindings::SYSFS_MAGIC
        | bindings::CGROUP_SUPER_MAGIC
        | bindings::CGROUP2_SUPER_MAGIC
        | bindings::RDTGROUP_SUPER_MAGIC
        | bindings::AAFS_MAGIC
        | bindings::SELINUX_MAGIC
        | bindings::SMACK_MAGIC
        | bindings::XENFS_SUPER_MAGIC
        | bindings::SECURITYFS_MAGIC
        | bindings::EFIVARFS_MAGIC
        | bindings::BINFMTFS_MAGIC
        | CONFIGFS_MAGIC
        | FUSECTL_MAGIC
        | NFSD_MAGIC
        | RPC_PIPEFS_MAGIC => Kind::Settings,
        bindings::DEBUGFS_MAGIC
        | bindings::TRACEFS_MAGIC
        | bindings::PSTOREFS_MAGIC
        | bindings::BPF_FS_MAGIC => Kind::Diagnosis,
        _ => Kind::Ordinary,
    }
}

/// Numbers that are not in a header: of `fs/configfs/mount.c`, `fs/fuse/control.c`, `fs/nfsd/nfsctl.c`,
/// `net/sunrpc/rpc_pipe.c` and `ipc/mqueue.c`.
const CONFIGFS_MAGIC: u32 = 0x6265_6570;
const FUSECTL_MAGIC: u32 = 0x6573_5543;
const NFSD_MAGIC: u32 = 0x6e66_7364;
const RPC_PIPEFS_MAGIC: u32 = 0x6759_6969;
const MQUEUE_MAGIC: u32 = 0x1980_0202;

/// Decides whether the current task, `subject`, may open a file, perhaps to write to it or to execute
/// it.
///
/// # Safety
///
/// `subject` must be the current task, `file` be about to be opened.
#[no_mangle]
unsafe extern "C" fn jaula_file_open(
    file: *mut file,
    writes: bool,
    executes: bool,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let inode = unsafe { (*file).f_inode };

    // SAFETY: As above; the subject is only looked at here.
    unsafe {
        let magic = magic_of(inode);

        if magic == MQUEUE_MAGIC {
            mqueue::check(inode, c_str!("mq_open"), subject)
        } else if Subject::from_current(subject).jail().is_none() {
            if writes && magic == bindings::PROC_SUPER_MAGIC {
                change_from_host(file, subject)
            } else {
                0
            }
        } else if executes {
            exec::check(file, subject)
        } else {
            match kind_of(magic) {
                Kind::Ordinary => 0,
                kind => open_in_jail(file, kind, writes, subject),
            }
        }
    }
}

/// Decides whether the current task, `subject`, may open a file in `/proc` to write to it from the host:
/// that of a process in a jail takes more than its user.
///
/// # Safety
///
/// As for [`jaula_file_open`].
#[inline(never)]
unsafe fn change_from_host(file: *mut file, subject: *mut task_struct) -> c_int {
    // SAFETY: By the requirements of this function.
    match unsafe { place_of(file) } {
        Place::Process(number) | Place::Network(number) | Place::UnixSockets(number) => {
            // SAFETY: As above.
            unsafe { open_process((*file).f_inode, number, true, subject) }
        }
        Place::Private | Place::Other => 0,
    }
}

/// # Safety
///
/// As for [`jaula_file_open`].
#[inline(never)]
unsafe fn open_in_jail(
    file: *mut file,
    kind: Kind,
    writes: bool,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let inode = unsafe { (*file).f_inode };

    let is_refused = match kind {
        Kind::Ordinary => false,
        Kind::Settings => writes,
        Kind::Diagnosis => true,
        Kind::Proc => {
            // SAFETY: As above.
            let place = unsafe { place_of(file) };
            if let Place::Process(number) | Place::Network(number) | Place::UnixSockets(number) =
                place
            {
                // SAFETY: As above.
                let result = unsafe { open_process(inode, number, writes, subject) };
                if result != 0 {
                    return result;
                }
            }
            match place {
                Place::Private => true,
                Place::Other | Place::Network(_) => writes,
                Place::Process(_) => false,
                // SAFETY: As above.
                Place::UnixSockets(number) => unsafe { !bindings::jaula_is_own_net(inode, number) },
            }
        }
    };
    if is_refused {
        // SAFETY: As above.
        unsafe { check_may_control(inode, c_str!("open"), subject) }
    } else {
        0
    }
}

/// Decides whether the current task, `subject`, may change a directory by making or removing something,
/// or a file; `changes_use` is not set when who may use it stays the same.
///
/// # Safety
///
/// `subject` must be the current task, `inode` valid, and `call` a constant string.
#[no_mangle]
unsafe extern "C" fn jaula_inode_change(
    inode: *mut inode,
    changes_use: bool,
    call: *const c_char,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function. The name is made where it is wanted, since its
    // length has a price.
    unsafe {
        if magic_of(inode) == MQUEUE_MAGIC {
            mqueue::check(inode, CStr::from_char_ptr(call), subject)
        } else if changes_use
            && credentials::jail_of_current(subject).is_some()
            && kind_of(magic_of(inode)) != Kind::Ordinary
        {
            check_may_control(inode, CStr::from_char_ptr(call), subject)
        } else {
            0
        }
    }
}

/// Decides whether the current task, `subject`, may make a file in a directory.
///
/// # Safety
///
/// `subject` must be the current task, `directory` valid, and `call` a constant string.
#[no_mangle]
unsafe extern "C" fn jaula_inode_create(
    directory: *mut inode,
    call: *const c_char,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        if magic_of(directory) == MQUEUE_MAGIC {
            mqueue::admit(subject)
        } else {
            jaula_inode_change(directory, true, call, subject)
        }
    }
}

/// Tells what a file in `/proc` is; one that has no short path is taken for the worst.
///
/// # Safety
///
/// `file` must be about to be opened, in `/proc`.
unsafe fn place_of(file: *mut file) -> Place {
    let mut buffer = [0_u8; 128];
    // SAFETY: By the requirements of this function the file has a place; the buffer is as long as the
    // call is told.
    let path = unsafe {
        bindings::dentry_path_raw(
            (*file).f_path.dentry,
            buffer.as_mut_ptr().cast(),
            buffer.len() as c_int,
        )
    };

    match from_err_ptr(path) {
        Err(_) => Place::Private,
        // SAFETY: It is a string in the buffer.
        Ok(path) => proc_path::place_of(unsafe { CStr::from_char_ptr(path) }.as_bytes()),
    }
}

/// Decides whether the current task, `subject`, may open what there is of the process that has this number
/// in the `/proc` that `inode` is in.
///
/// # Safety
///
/// `subject` must be the current task, `inode` be in `/proc`.
unsafe fn open_process(
    inode: *mut inode,
    number: i32,
    writes: bool,
    subject: *mut task_struct,
) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function, and under RCU.
    let task = unsafe { bindings::jaula_proc_task(inode, number) };
    // One that has gone meanwhile has nothing to be opened.
    if task.is_null() {
        return 0;
    }
    // SAFETY: It was found under RCU; nothing here changes what the current task is or has.
    let (actor, object) = unsafe { (Party::current(subject), OtherTask::from_raw(task, &rcu)) };
    let access = if writes {
        Access::ChangeProcess
    } else {
        Access::OpenProcess
    };

    let reached = Party::task(&object);
    let relation = if writes {
        actor.relation_to_both(&reached)
    } else {
        actor.relation_to(&reached)
    };

    actor.check(
        &reached,
        (relation, access),
        (Class::Proc, c_str!("open")),
        &object.target(),
        Told::OfCurrent,
    )
}

/// Decides whether the current task, `subject`, may change what the kernel does.
///
/// # Safety
///
/// `subject` must be the current task, `inode` valid, and in a file system that controls the kernel.
unsafe fn check_may_control(
    inode: *mut inode,
    call: &'static CStr,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let may = unsafe {
        // What may be written to jaula's own files is decided by them.
        bindings::jaula_fs_is_own(inode) || capability::is_allowed(subject, Permission::SYSCTL)
    };
    if may {
        return 0;
    }
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    let target = Target::of(c_str!("control file"), Identity::HOST);

    refusal::report(&subject, Class::Proc, call, &target);
    -(Errno::Perm as c_int)
}
