// SPDX-License-Identifier: GPL-2.0-only

//! Programs that lie outside of a jail's root directory.
//!
//! A jail's root directory says what it executes. `#!/proc/self/exe` would have a launcher that comes in
//! from outside execute its own file, which whoever is in the jail could then open, and overwrite where
//! it is writable. So a file is executed that a path leads to from the root of the task, and no other:
//! asked each time that one is opened for it, as the program, as the interpreter of a script or as the
//! one that an ELF file names.
//!
//! What the kernel has chosen by itself is exempt: the lower file of a file system that lies over another,
//! and the interpreters that somebody has registered with binfmt_misc once and for all (`F`).

use crate::{
    credentials,
    identity::Identity,
    policy::{Class, Errno},
    refusal::{self, Target},
    task::Subject,
};
use kernel::{
    bindings::{self, file, task_struct},
    c_str,
    ffi::c_int,
};

/// Decides whether the current task, `subject`, which is in a jail, may execute a file.
///
/// # Safety
///
/// `subject` must be the current task, `file` be about to be opened.
#[inline(never)]
pub(crate) unsafe fn check(file: *mut file, subject: *mut task_struct) -> c_int {
    // SAFETY: By the requirements of this function the file has a place.
    let is_allowed = unsafe {
        bindings::jaula_is_in_own_root(&(*file).f_path)
            || bindings::jaula_is_kernels_choice(file)
            || is_own_memory(file, subject)
    };
    if is_allowed {
        return 0;
    }
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    let target = Target::of(c_str!("program"), Identity::HOST);

    refusal::report(&subject, Class::Exec, c_str!("execve"), &target);
    -(Errno::Access as c_int)
}

/// Tells whether a file is memory (`memfd_create`), which is in no directory, and the task is one that
/// has come by it in the jail: what is executed there for the first time is a launcher's to choose, and
/// the memory could be the launcher's own.
///
/// # Safety
///
/// As for [`check`].
unsafe fn is_own_memory(file: *mut file, subject: *mut task_struct) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::jaula_is_on_internal_mount(file) && credentials::is_current_bound(subject) }
}
