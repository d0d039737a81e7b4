// SPDX-License-Identifier: GPL-2.0-only

//! Objects of System V IPC: semaphore sets, shared memory segments and message queues.

use crate::{
    destroy,
    jail::Jail,
    list::Node,
    tag::{in_blob, Tag},
};
use core::{cell::UnsafeCell, marker::PhantomData, mem::size_of, ptr};
use kernel::{bindings, prelude::*};

/// What this module keeps in the blob of an object. Zeroed memory is a valid value.
#[repr(C)]
pub(crate) struct Blob {
    tag: Tag,
    /// On the list of the object's jail while the object is in the table of its namespace. Guarded
    /// by the lock of the jail's members, but for whether it is linked, which only the object's
    /// maker and whoever removes it change.
    node: UnsafeCell<Node<bindings::kern_ipc_perm>>,
    /// The rest is written before the node is linked.
    namespace: UnsafeCell<*mut bindings::ipc_namespace>,
    call: UnsafeCell<usize>,
    size: UnsafeCell<usize>,
}

const _: () = assert!(size_of::<Blob>() == size_of::<bindings::jaula_ipc_blob>());

/// An object of System V IPC that the kernel has found.
///
/// A plain pointer to those who pass it on. It is no reference: others write to the object at the
/// same time.
///
/// # Invariants
///
/// The object stays valid, and its tag as it is, for `'a`.
#[repr(transparent)]
pub(crate) struct Object<'a>(*mut bindings::kern_ipc_perm, PhantomData<&'a ()>);

impl Object<'_> {
    /// Makes an object of what a hook was given.
    ///
    /// # Safety
    ///
    /// `ipcp` must be valid for the lifetime of the value, which a caller that found it under RCU
    /// has to see to, and must have been tagged.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(ipcp: *mut bindings::kern_ipc_perm) -> Self {
        // INVARIANT: By the requirements of this function; the tag changes only when the last
        // reference to the object is gone.
        Self(ipcp, PhantomData)
    }

    /// Returns the object's tag.
    #[inline(always)]
    pub(crate) fn tag(&self) -> &Tag {
        // SAFETY: By the type invariant; the tag is only read.
        unsafe { tag_of(self.0) }
    }

    /// Returns the object's jail, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<&Jail> {
        self.tag().jail()
    }

    /// Returns the object's identifier in its IPC namespace. One that is just being made may not
    /// have got its own yet.
    pub(crate) fn id(&self) -> i32 {
        // SAFETY: By the type invariant the object is valid. Its maker may be writing the field:
        // hence the volatile read.
        unsafe { ptr::read_volatile(ptr::addr_of!((*self.0).id)) }
    }

    /// Returns the object's key. One that is just being removed may have lost it.
    pub(crate) fn key(&self) -> i32 {
        // SAFETY: By the type invariant the object is valid. Whoever removes it may be writing the
        // field: hence the volatile read.
        unsafe { ptr::read_volatile(ptr::addr_of!((*self.0).key)) }
    }
}

/// Finds the tag of an object.
///
/// # Safety
///
/// `ipcp` must be valid for `'a`, and have a blob. Accesses must follow the table in [`crate::tag`].
#[inline(always)]
pub(crate) unsafe fn tag_of<'a>(ipcp: *mut bindings::kern_ipc_perm) -> &'a Tag {
    // SAFETY: By the requirements of this function.
    unsafe { &blob_of(ipcp).tag }
}

/// # Safety
///
/// `ipcp` must be valid for `'a`, and have a blob.
#[inline(always)]
unsafe fn blob_of<'a>(ipcp: *mut bindings::kern_ipc_perm) -> &'a Blob {
    // SAFETY: By the requirements of this function for the object. The place was given to this
    // module before the first hook was called and is constant since, and of the size of a `Blob`.
    unsafe { in_blob((*ipcp).security, bindings::jaula_blob_sizes.lbs_ipc) }
}

/// Takes a new object of the current task into its jail.
///
/// # Errors
///
/// `ENOSPC`, see [`Jail::admit_object`].
///
/// # Safety
///
/// `ipcp` must be an object of the current task that is about to enter the table of its namespace,
/// and tagged.
pub(crate) unsafe fn admit(ipcp: *mut bindings::kern_ipc_perm, call: u32, size: usize) -> Result {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(ipcp) };
    let Some(jail) = blob.tag.jail() else {
        return Ok(());
    };

    // SAFETY: Nobody else knows of the object yet.
    unsafe {
        *blob.namespace.get() = bindings::jaula_current_ipc_namespace();
        *blob.call.get() = call as usize;
        *blob.size.get() = size;
    }
    // SAFETY: It is the object's node, and is removed when the object leaves the table.
    unsafe { jail.admit_object(blob.node.get(), ipcp, call, size as u64) }
}

/// Takes an object that leaves the table of its namespace, or could not enter it, from its jail. Does
/// nothing where the jail has not admitted it.
///
/// # Safety
///
/// `ipcp` must be a tagged object that is leaving, or that nobody else knows of.
pub(crate) unsafe fn remove(ipcp: *mut bindings::kern_ipc_perm) {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(ipcp) };
    let Some(jail) = blob.tag.jail() else {
        return;
    };

    // SAFETY: Whether it is linked is up to the caller, by the requirements of this function.
    if !unsafe { Node::is_linked(blob.node.get()) } {
        return;
    }
    // SAFETY: Written in `admit`, and not since.
    let (call, size) = unsafe { (*blob.call.get(), *blob.size.get()) };
    // SAFETY: By the requirements of this function; the object's tag is a reference to its jail.
    unsafe { jail.remove_object(blob.node.get(), call as u32, size as u64) };
}

/// An object that its jail has left behind, as what finds it again.
///
/// # Invariants
///
/// The value has a reference to the namespace.
pub(crate) struct Leftover {
    namespace: *mut bindings::ipc_namespace,
    call: usize,
    id: i32,
}

impl Leftover {
    /// Notes where an object is. [`None`] when its namespace is being torn down.
    ///
    /// # Safety
    ///
    /// `ipcp` must be on the list of its jail, none of whose tasks are left, and the caller must
    /// hold the lock of that jail's members.
    pub(crate) unsafe fn new(ipcp: *mut bindings::kern_ipc_perm) -> Option<Self> {
        // SAFETY: An object on the list has not been freed, and will not be before the lock is
        // released.
        let blob = unsafe { blob_of(ipcp) };
        // SAFETY: Written before the object was linked, and not since.
        let (namespace, call) = unsafe { (*blob.namespace.get(), *blob.call.get()) };

        // SAFETY: A namespace frees its objects before itself, so that it is valid.
        if !unsafe { bindings::jaula_ipc_namespace_get(namespace) } {
            return None;
        }
        // INVARIANT: The reference has just been taken.
        Some(Self {
            namespace,
            call,
            // SAFETY: The object is valid as above. Its maker, which has exited, has written the
            // identifier.
            id: unsafe { (*ipcp).id },
        })
    }

    /// Removes the object from its namespace, where it still is one of `jail`. May sleep.
    pub(crate) fn remove(&self, jail: &Jail) {
        // SAFETY: By the type invariant the namespace is valid; the function is given what it
        // wants, and calls it under RCU, when the jail is valid.
        unsafe {
            bindings::ipc_remove(
                self.namespace,
                self.call as i32,
                self.id,
                Some(destroy::belongs_to),
                ptr::from_ref(jail).cast_mut().cast(),
            )
        };
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::jaula_ipc_namespace_put(self.namespace) };
    }
}
