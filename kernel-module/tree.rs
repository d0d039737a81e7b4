// SPDX-License-Identifier: GPL-2.0-only

//! Which jail lies in which: one lock for all, taken when a jail is made, named, destroyed or gone,
//! and not for what tasks do in it.
//!
//! It is taken before the lock of a jail's members.

use crate::{
    jail::{number_of, Jail},
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
    rbtree::{Entry, RBTree, RBTreeNode, RBTreeNodeReservation},
    types::{ARef, AlwaysRefCounted},
};

/// The children of the host.
static HOST: Branch = Branch::new();

/// The names in use, each with the number of the jail that its bearer is directly in. A jail keeps the
/// number of the one around it from being given out again.
type Names = RBTree<(u32, Name), ()>;

/// All names, guarded by the tree's lock.
static NAMES: Register = Register(UnsafeCell::new(None));

struct Register(UnsafeCell<Option<Names>>);

// SAFETY: The content is only reached through `Tree`.
unsafe impl Sync for Register {}

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

    fn names(&mut self) -> &mut Names {
        // SAFETY: The lock is held, and this value borrowed mutably for as long as the result is.
        unsafe { (*NAMES.0.get()).get_or_insert_with(RBTree::new) }
    }

    /// Gives the name of a jail free. What is returned is memory to be freed without the lock.
    fn forget_name(&mut self, jail: &Jail) -> Option<RBTreeNode<(u32, Name), ()>> {
        let name = (*self.name(jail))?;
        self.names().remove_node(&(number_of(jail.parent()), name))
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
        if members.clears_up() {
            drop((members, tree));
            return jail.begin_work();
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
        let name = tree.forget_name(&jail);
        drop(tree);

        drop(name);
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

/// Begins to destroy a jail, and with it all that descend from it: the work sees to those. Tells whether
/// nobody has before.
///
/// # Errors
///
/// `ESRCH` when it is dead.
pub(crate) fn doom(jail: &Jail) -> Result<bool> {
    let mut members = jail.members.lock();
    let state = members.state;
    if state == State::Dead {
        return Err(ESRCH);
    }
    members.state = State::Dying;
    members.persist = false;
    drop(members);

    jail.begin_work();
    Ok(state == State::Alive)
}

/// Begins to destroy the next child of a jail in the walk `pass`, see [`List::next_unseen`]. Tells whether
/// there was one. The lock is held for one jail at a time, however many there are.
pub(crate) fn doom_next_child(jail: &Jail, pass: usize) -> bool {
    let child = {
        let mut tree = Tree::lock();
        let Some(child) = tree.children(Some(jail)).next_unseen(pass) else {
            return false;
        };
        // SAFETY: By the type invariant of `Tree` a jail on the list is valid, with a reference.
        ARef::from(unsafe { &*child })
    };

    // One that is dead by now needs nothing more.
    let _ = doom(&child);
    true
}

/// Names a jail, once and for all. May sleep.
///
/// # Errors
///
/// `EBUSY` when it has a name, `EEXIST` when another child of its parent has this one, `ENODEV`
/// when it is dead, `ENOMEM`.
pub(crate) fn set_name(jail: &Jail, name: Name) -> Result {
    let room = RBTreeNodeReservation::new(GFP_KERNEL)?;
    let mut tree = Tree::lock();

    if jail.members.lock().state == State::Dead {
        return Err(ENODEV);
    }
    if tree.name(jail).is_some() {
        return Err(EBUSY);
    }
    match tree.names().entry((number_of(jail.parent()), name)) {
        Entry::Occupied(_) => return Err(EEXIST),
        Entry::Vacant(place) => place.insert((), room),
    };
    *tree.name(jail) = Some(name);
    Ok(())
}

/// Returns the name of a jail, if it has one.
pub(crate) fn name(jail: &Jail) -> Option<Name> {
    *Tree::lock().name(jail)
}
