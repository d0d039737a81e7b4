// SPDX-License-Identifier: GPL-2.0-only

//! Lists of what is not ours: their nodes lie in the blobs of tasks and IPC objects.
//!
//! A list has a first and a last node and no ring, so that zeroed memory, which is what a blob
//! begins as, is a node on no list, and a list can be a constant.

use core::ptr;

/// A place on a list of `T`. Zeroed memory is a node on no list.
///
/// # Invariants
///
/// `owner` is null exactly if the node is on no list.
pub(crate) struct Node<T> {
    next: *mut Node<T>,
    previous: *mut Node<T>,
    owner: *mut T,
    pass: usize,
}

impl<T> Node<T> {
    /// Makes a node that is on no list.
    pub(crate) const fn new() -> Self {
        Self {
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            owner: ptr::null_mut(),
            pass: 0,
        }
    }

    /// Tells whether a node is on a list. Walks over the list may go on at the same time.
    ///
    /// # Safety
    ///
    /// `node` must be valid, and nobody may be putting it on a list or taking it off.
    pub(crate) unsafe fn is_linked(node: *const Self) -> bool {
        // SAFETY: By the requirements of this function. The field changes only when the node is
        // put on a list or taken off.
        !unsafe { ptr::addr_of!((*node).owner).read() }.is_null()
    }
}

/// A list of `T`, newest first.
///
/// Whoever has it mutably may change all its nodes: that is what the lock around it is for.
///
/// # Invariants
///
/// The nodes from `first` by `next` to `last`, and back by `previous`, are valid; both are null
/// when there is none. They change only with the list.
pub(crate) struct List<T> {
    first: *mut Node<T>,
    last: *mut Node<T>,
}

// SAFETY: A list can be used from any thread that has it; that what is on it can be is seen to by
// those who put it there.
unsafe impl<T> Send for List<T> {}

impl<T> List<T> {
    /// Makes an empty list.
    pub(crate) const fn new() -> Self {
        Self {
            first: ptr::null_mut(),
            last: ptr::null_mut(),
        }
    }

    /// Tells whether nothing is on the list.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Puts `owner` at the beginning of the list.
    ///
    /// # Safety
    ///
    /// `node` must belong to `owner`, be on no list, and stay valid until it is removed.
    pub(crate) unsafe fn push(&mut self, node: *mut Node<T>, owner: *mut T) {
        // INVARIANT: The node has an owner and is on the list.
        // SAFETY: By the requirements of this function; nobody else has to do with a node that is
        // on no list.
        unsafe {
            ptr::addr_of_mut!((*node).owner).write(owner);
            ptr::addr_of_mut!((*node).pass).write(0);
        }
        // SAFETY: The node is valid, and on no list.
        unsafe { self.link_first(node) };
    }

    /// Takes a node off the list.
    ///
    /// # Safety
    ///
    /// `node` must be on this list.
    pub(crate) unsafe fn remove(&mut self, node: *mut Node<T>) {
        // SAFETY: By the requirements of this function.
        unsafe { self.unlink(node) };
        // INVARIANT: The node is on no list, and has no owner.
        // SAFETY: As above.
        unsafe { ptr::addr_of_mut!((*node).owner).write(ptr::null_mut()) };
    }

    /// Returns the next that has not been returned for `pass`, which is not 0 and differs from one
    /// walk to the next. What has been returned moves to the end, so that a walk can let go of the
    /// list between any two steps, and finds what has come in the meantime as well.
    pub(crate) fn next_unseen(&mut self, pass: usize) -> Option<*mut T> {
        let node = self.first;

        // SAFETY: By the type invariant.
        if node.is_null() || unsafe { (*node).pass } == pass {
            return None;
        }
        // SAFETY: As above; it is on this list.
        unsafe {
            self.unlink(node);
            (*node).pass = pass;
            self.link_last(node);
        }
        // SAFETY: As above.
        Some(unsafe { (*node).owner })
    }

    /// # Safety
    ///
    /// `node` must be valid and linked nowhere.
    unsafe fn link_first(&mut self, node: *mut Node<T>) {
        // SAFETY: By the requirements of this function, and the type invariant.
        unsafe {
            (*node).previous = ptr::null_mut();
            (*node).next = self.first;
            match self.first.as_mut() {
                Some(first) => first.previous = node,
                None => self.last = node,
            }
        }
        self.first = node;
    }

    /// # Safety
    ///
    /// `node` must be valid and linked nowhere.
    unsafe fn link_last(&mut self, node: *mut Node<T>) {
        // SAFETY: By the requirements of this function, and the type invariant.
        unsafe {
            (*node).next = ptr::null_mut();
            (*node).previous = self.last;
            match self.last.as_mut() {
                Some(last) => last.next = node,
                None => self.first = node,
            }
        }
        self.last = node;
    }

    /// # Safety
    ///
    /// `node` must be on this list.
    unsafe fn unlink(&mut self, node: *mut Node<T>) {
        // SAFETY: By the requirements of this function, and the type invariant.
        unsafe {
            let (previous, next) = ((*node).previous, (*node).next);
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.first = next,
            }
            match next.as_mut() {
                Some(next) => next.previous = previous,
                None => self.last = previous,
            }
        }
    }
}
