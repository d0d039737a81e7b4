// SPDX-License-Identifier: GPL-2.0-only

//! Descriptors of jails: each names one for good, with what its holder may do with it.
//!
//! What may be done is decided when it is opened, by the policy for numbers, and goes with it to whom it
//! is handed. One kind owns its jail: when its last reference is gone, however that comes about, the jail
//! is destroyed. No task of the jail holds such a one, or it would keep itself alive.

use crate::{
    exported::exported, jail::Jail, members::State, policy::Resource, task::Subject, tree,
};
use core::{
    ffi::c_void,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{
    bindings::{self, file, get_current},
    ffi::c_int,
    prelude::*,
    types::ARef,
};

exported!(
    jaula_fd_release,
    jaula_fd_ended,
    jaula_fd_has_ended,
    jaula_fd_info,
    jaula_fd_bars,
    jaula_file_receive,
);

/// What the holder of a descriptor may do with a jail besides reading of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights(u32);

impl Rights {
    /// Entering it.
    pub(crate) const ATTACH: Self = Self(bindings::JAULA_ATTACH);

    /// Making jails in it, and destroying it.
    pub(crate) const ADMINISTER: Self = Self(bindings::JAULA_ADMINISTER);

    /// All that there is.
    pub(crate) const ALL: Self = Self(bindings::JAULA_ATTACH | bindings::JAULA_ADMINISTER);

    /// Reads the flags of a call.
    ///
    /// # Errors
    ///
    /// `EINVAL` where one is unknown.
    pub(crate) fn from_flags(flags: u32) -> Result<Self> {
        if flags & !Self::ALL.0 != 0 {
            return Err(EINVAL);
        }
        Ok(Self(flags))
    }

    /// Tells whether there are none but reading.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Tells whether all of `other` are among them.
    pub(crate) fn has(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

/// What the file of a descriptor has.
pub(crate) struct Descriptor {
    jail: ARef<Jail>,
    rights: Rights,
    is_owner: AtomicBool,
}

impl Descriptor {
    /// Returns the jail.
    pub(crate) fn jail(&self) -> &ARef<Jail> {
        &self.jail
    }

    /// Fails without rights.
    ///
    /// # Errors
    ///
    /// `EPERM`
    pub(crate) fn check(&self, rights: Rights) -> Result {
        if self.rights.has(rights) {
            Ok(())
        } else {
            Err(EPERM)
        }
    }

    /// Gives up the ownership of the jail.
    ///
    /// # Errors
    ///
    /// `EINVAL` where it is none.
    pub(crate) fn disown(&self) -> Result {
        // Of several at once one gives it up.
        if !self.is_owner.swap(false, Ordering::Relaxed) {
            return Err(EINVAL);
        }
        self.jail.disown();
        Ok(())
    }

    fn is_owner(&self) -> bool {
        self.is_owner.load(Ordering::Relaxed)
    }
}

impl Drop for Descriptor {
    /// Begins the end of a jail that nobody owns any more, and does not wait for it.
    fn drop(&mut self) {
        if *self.is_owner.get_mut() {
            // It may have ended before.
            if tree::doom(&self.jail) == Ok(true) {
                // SAFETY: In process context with no lock held.
                unsafe { bindings::jaula_report_orphan(self.jail.number()) };
            }
        }
    }
}

/// The number of a descriptor that is nothing's yet.
///
/// # Invariants
///
/// The number is reserved in the table of the current task.
pub(crate) struct FreeDescriptor(c_int);

impl FreeDescriptor {
    /// Reserves one.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub(crate) fn reserve() -> Result<Self> {
        // SAFETY: In process context with no lock held.
        let fd = unsafe { bindings::jaula_fd_reserve() };

        if fd < 0 {
            return Err(Error::from_errno(fd));
        }
        // INVARIANT: It has just been reserved.
        Ok(Self(fd))
    }

    /// Makes the file that it will be of.
    ///
    /// # Errors
    ///
    /// `ENFILE`, `ENOMEM`. A jail that was to be owned is doomed.
    pub(crate) fn fill(self, jail: ARef<Jail>, rights: Rights, is_owner: bool) -> Result<Filled> {
        let descriptor = Descriptor {
            jail,
            rights,
            is_owner: AtomicBool::new(is_owner),
        };
        let descriptor = KBox::into_raw(KBox::new(descriptor, GFP_KERNEL_ACCOUNT)?);

        // SAFETY: In process context with no lock held. The pointer is that of a box, and the file's from
        // now on, unless there is none.
        let Some(file) = NonNull::new(unsafe { bindings::jaula_fd_file(descriptor.cast()) }) else {
            // SAFETY: The file has not come to be, and the box is still ours.
            drop(unsafe { KBox::from_raw(descriptor) });
            return Err(ENFILE);
        };
        // INVARIANT: The file is new, and has what was made above.
        Ok(Filled {
            place: self,
            file: Handle(file),
        })
    }
}

impl Drop for FreeDescriptor {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::jaula_fd_unreserve(self.0) };
    }
}

/// A descriptor that is not yet to be seen.
pub(crate) struct Filled {
    place: FreeDescriptor,
    file: Handle,
}

impl Filled {
    /// Takes from it the ownership of a jail that has not come to be.
    pub(crate) fn give_up(&self) {
        self.file.is_owner.store(false, Ordering::Relaxed);
    }

    /// Shows it to the current task. From now on others can close it.
    pub(crate) fn install(self) -> u32 {
        let (place, file) = (
            core::mem::ManuallyDrop::new(self.place),
            core::mem::ManuallyDrop::new(self.file),
        );

        // SAFETY: By the type invariants: the number and the reference to the file are the table's now.
        unsafe { bindings::jaula_fd_install(place.0, file.0.as_ptr()) };
        place.0 as u32
    }
}

/// An open descriptor of a jail, for as long as a call lasts.
///
/// # Invariants
///
/// The file is that of a descriptor, and the value has a reference to it.
pub(crate) struct Handle(NonNull<file>);

impl Handle {
    /// Looks a descriptor of the current task up.
    ///
    /// # Errors
    ///
    /// `EBADF` where it is not open, or not one of a jail.
    pub(crate) fn get(fd: c_int) -> Result<Self> {
        // SAFETY: May be called by any task in process context.
        let file = NonNull::new(unsafe { bindings::jaula_fd_get(fd) }).ok_or(EBADF)?;
        // INVARIANT: For now it is the reference alone that holds, and nothing looks at the rest.
        let handle = Self(file);

        // SAFETY: There is a reference to the file.
        if unsafe { bindings::jaula_fd_of(file.as_ptr()) }.is_null() {
            return Err(EBADF);
        }
        Ok(handle)
    }
}

impl core::ops::Deref for Handle {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        // SAFETY: By the type invariant it is a descriptor's, which lives as long as the file.
        unsafe { &*bindings::jaula_fd_of(self.0.as_ptr()).cast() }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference, which is given back.
        unsafe { bindings::jaula_fd_put(self.0.as_ptr()) };
    }
}

/// Tells whether the current task must not enter a jail: it holds an owner of that jail or of one around
/// it, or could be handed one by others with whom it shares its descriptors.
pub(crate) fn is_barred_from(jail: &Jail) -> bool {
    // SAFETY: The jail is valid as long as the call lasts, and the current task has descriptors.
    jail.is_owned() && unsafe { bindings::jaula_is_barred_from(ptr::from_ref(jail).cast()) }
}

/// Closes the file of a descriptor. In process context; does not wait for the end of a jail.
///
/// # Safety
///
/// `descriptor` must be what a file has had that is gone.
#[no_mangle]
unsafe extern "C" fn jaula_fd_release(descriptor: *mut c_void) {
    // SAFETY: By the requirements of this function it comes from a box, and nobody has it any more.
    drop(unsafe { KBox::<Descriptor>::from_raw(descriptor.cast()) });
}

/// # Safety
///
/// `descriptor` must be what an open file has.
unsafe fn descriptor_of<'a>(descriptor: *const c_void) -> &'a Descriptor {
    // SAFETY: By the requirements of this function.
    unsafe { &*descriptor.cast() }
}

/// Returns the queue of those who poll for the end of a jail.
///
/// # Safety
///
/// `descriptor` must be what an open file has.
#[no_mangle]
unsafe extern "C" fn jaula_fd_ended(descriptor: *mut c_void) -> *mut bindings::wait_queue_head {
    // SAFETY: By the requirements of this function.
    unsafe { descriptor_of(descriptor) }.jail.gone.pollers()
}

/// Tells whether a jail has ended.
///
/// # Safety
///
/// `descriptor` must be what an open file has.
#[no_mangle]
unsafe extern "C" fn jaula_fd_has_ended(descriptor: *mut c_void) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { descriptor_of(descriptor) }
        .jail
        .gone
        .has_been_announced()
}

/// Tells what there is of a jail, and what the descriptor is good for.
///
/// # Safety
///
/// `descriptor` must be what an open file has, and `info` be valid for writing.
#[no_mangle]
unsafe extern "C" fn jaula_fd_info(descriptor: *mut c_void, info: *mut bindings::jaula_fd_info) {
    // SAFETY: By the requirements of this function.
    let descriptor = unsafe { descriptor_of(descriptor) };
    let jail = descriptor.jail();
    let mut members = jail.members.lock();
    let state = members.state;
    let told = bindings::jaula_fd_info {
        number: jail.number(),
        rights: descriptor.rights.0,
        is_owner: descriptor.is_owner(),
        is_dying: state == State::Dying,
        is_dead: state == State::Dead,
        created: jail.created,
        tasks: members.running() as u64,
        children: members.account(Resource::Children).used,
        sem: members.account(Resource::Sem).used,
        shm: members.account(Resource::Shm).used,
        msg: members.account(Resource::Msg).used,
    };
    drop(members);

    // SAFETY: By the requirements of this function.
    unsafe { info.write(told) };
}

/// Tells whether a descriptor keeps its holder out of a jail: it owns that jail or one around it. May not
/// sleep.
///
/// # Safety
///
/// `descriptor` must be what an open file has, `jail` a jail.
#[no_mangle]
unsafe extern "C" fn jaula_fd_bars(descriptor: *mut c_void, jail: *const c_void) -> bool {
    // SAFETY: By the requirements of this function.
    let (descriptor, jail) = unsafe { (descriptor_of(descriptor), &*jail.cast::<Jail>()) };

    descriptor.is_owner() && jail.is_within(&descriptor.jail)
}

/// Decides whether the current task may be handed a file: in a jail no owner of that jail, or of one around
/// it.
///
/// # Safety
///
/// `file` must be valid.
#[no_mangle]
unsafe extern "C" fn jaula_file_receive(file: *mut file) -> c_int {
    // SAFETY: It is the current task; the value ends with this function.
    let subject = unsafe { Subject::from_current(get_current()) };
    let Some(jail) = subject.jail() else { return 0 };
    // SAFETY: By the requirements of this function.
    let descriptor = unsafe { bindings::jaula_fd_of(file) };

    // SAFETY: A file that is being handed over is open.
    if !descriptor.is_null() && unsafe { jaula_fd_bars(descriptor, ptr::from_ref(jail).cast()) } {
        return EPERM.to_errno();
    }
    0
}
