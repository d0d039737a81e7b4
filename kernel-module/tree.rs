// SPDX-License-Identifier: GPL-2.0-only

//! Which jail lies in which: one lock for all, taken when a jail is made, named, destroyed or gone,
//! and not for what tasks do in it.
//!
//! It is taken before the lock of a jail's members.

use crate::{
    jail::Jail,
    list::{List, Node},
    members::{State, Step},
    number,
    policy::Resource,
    value::Name,
};
use core::{cell::UnsafeCell, marker::PhantomData, ptr::NonNull};
use kernel::{
    bindings,
    prelude::*,
    types::{ARef, AlwaysRefCounted},
};

/// The children of the host.
static HOST: Branch = Branch::new();

/// A jail's place in the tree, guarded by the tree's lock.
pub(crate) struct Branch(UnsafeCell<Links>);

struct Links {
    children: List<Jail>,
    sibling: Node<Jail>,
    name: Option<Name>,
}

// SAFETY: The content is only reached through `Tree`.
unsafe impl Sync for Branch {}

impl Branch {
    /// Makes a place that has no children and no name.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(Links {
            children: List::new(),
            sibling: Node::new(),
            name: None,
        }))
    }
}

/// The tree, locked.
///
/// # Invariants
///
/// The current task holds the lock. A jail on a list of children is alive or dying, and the tree
/// has a reference to it.
struct Tree(PhantomData<*mut ()>);

impl Tree {
    fn lock() -> Self {
        // SAFETY: A static lock with an initialiser. No code that runs in an interrupt takes it.
        unsafe { bindings::spin_lock(&raw mut bindings::jaula_tree_lock) };
        Self(PhantomData)
    }

    /// Returns the children of a jail, [`None`] for the host.
    fn children(&mut self, parent: Option<&Jail>) -> &mut List<Jail> {
        let branch = parent.map_or(&HOST, |parent| &parent.branch);
        // SAFETY: The lock is held, and this value borrowed mutably for as long as the result is.
        unsafe { &mut (*branch.0.get()).children }
    }

    fn name<'a>(&'a mut self, jail: &'a Jail) -> &'a mut Option<Name> {
        // SAFETY: As above.
        unsafe { &mut (*jail.branch.0.get()).name }
    }

    fn sibling_node(jail: &Jail) -> *mut Node<Jail> {
        // SAFETY: Only the place is taken, nothing is read.
        unsafe { &raw mut (*jail.branch.0.get()).sibling }
    }

    fn first_child(&mut self, parent: Option<&Jail>) -> Option<&Jail> {
        // SAFETY: By the type invariant the jail is valid as long as the lock is held.
        unsafe { self.children(parent).first().as_ref() }
    }

    fn next_sibling(&mut self, jail: &Jail) -> Option<&Jail> {
        let siblings = self.children(jail.parent());
        // SAFETY: Jails that are walked over are on their parents' lists; as above.
        unsafe { siblings.after(Self::sibling_node(jail)).as_ref() }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::spin_unlock(&raw mut bindings::jaula_tree_lock) };
    }
}

/// Gives a new jail its place in the tree. From now on it can be found by its number.
///
/// # Errors
///
/// `EAGAIN` when its parent is dying or has as many children as it may.
pub(crate) fn plant(jail: &ARef<Jail>) -> Result {
    let mut tree = Tree::lock();

    if let Some(parent) = jail.parent() {
        parent.take_child()?;
    }
    let child = NonNull::from(&**jail);
    // SAFETY: A new jail is on no list, and `bury` removes it from the one it is on now.
    unsafe {
        tree.children(jail.parent())
            .push(Tree::sibling_node(jail), child.as_ptr())
    };
    // The tree's own reference.
    jail.inc_ref();
    number::publish(jail);
    Ok(())
}

/// Takes a jail that nothing is left of out of the tree, and those that it was the last child of.
///
/// May be called wherever a lock may be taken, but with the tree's or a jail's held.
#[cold]
#[inline(never)]
pub(crate) fn bury(jail: &Jail) {
    let mut next = Some(ARef::from(jail));

    while let Some(jail) = next.take() {
        let mut tree = Tree::lock();
        let mut members = jail.members.lock();
        // Somebody may have come, or been faster.
        if !members.is_over() {
            return;
        }
        members.state = State::Dead;
        drop(members);

        number::withdraw(&jail);
        // SAFETY: A jail that was not dead is on the list of its parent.
        unsafe {
            tree.children(jail.parent())
                .remove(Tree::sibling_node(&jail))
        };
        let step = jail.parent().map_or(Step::Nothing, |parent| {
            let mut members = parent.members.lock();
            members.give_back(Resource::Children, 1);
            members.next_step()
        });
        drop(tree);

        jail.gone.announce();
        // SAFETY: The reference that `plant` took. There is another, which is ours.
        unsafe { Jail::dec_ref(NonNull::from(&*jail)) };
        match (step, jail.parent()) {
            (Step::Bury, parent) => next = parent.map(ARef::from),
            (Step::Work, Some(parent)) => parent.begin_work(),
            _ => {}
        }
    }
}

/// Begins to destroy a jail and all that descend from it. Tells whether nobody has before.
///
/// # Errors
///
/// `ESRCH` when it is dead.
pub(crate) fn doom(root: &Jail) -> Result<bool> {
    let mut tree = Tree::lock();
    let state = root.members.lock().state;
    if state == State::Dead {
        return Err(ESRCH);
    }

    let mut jail = NonNull::from(root);
    loop {
        // SAFETY: The lock has been held since the jail was found on a list, or is the caller's.
        let current = unsafe { jail.as_ref() };
        let mut members = current.members.lock();
        members.state = State::Dying;
        members.persist = false;
        drop(members);
        current.begin_work();

        match next_in(&mut tree, root, current) {
            Some(next) => jail = next,
            None => return Ok(state == State::Alive),
        }
    }
}

/// Returns what comes after `jail` in a walk over `root` and all that descend from it.
fn next_in(tree: &mut Tree, root: &Jail, jail: &Jail) -> Option<NonNull<Jail>> {
    if let Some(child) = tree.first_child(Some(jail)) {
        return Some(NonNull::from(child));
    }
    let mut jail = jail;
    while !core::ptr::eq(jail, root) {
        if let Some(sibling) = tree.next_sibling(jail) {
            return Some(NonNull::from(sibling));
        }
        jail = jail.parent()?;
    }
    None
}

/// Names a jail, once and for all.
///
/// # Errors
///
/// `EBUSY` when it has a name, `EEXIST` when another child of its parent has this one, `ENODEV`
/// when it is dead.
pub(crate) fn set_name(jail: &Jail, name: Name) -> Result {
    let mut tree = Tree::lock();

    if jail.members.lock().state == State::Dead {
        return Err(ENODEV);
    }
    if tree.name(jail).is_some() {
        return Err(EBUSY);
    }
    let mut sibling = tree.first_child(jail.parent()).map(NonNull::from);
    while let Some(current) = sibling {
        // SAFETY: The lock has been held since it was found on the list.
        let current = unsafe { current.as_ref() };
        if *tree.name(current) == Some(name) {
            return Err(EEXIST);
        }
        sibling = tree.next_sibling(current).map(NonNull::from);
    }
    *tree.name(jail) = Some(name);
    Ok(())
}

/// Returns the name of a jail, if it has one.
pub(crate) fn name(jail: &Jail) -> Option<Name> {
    *Tree::lock().name(jail)
}
