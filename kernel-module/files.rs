// SPDX-License-Identifier: GPL-2.0-only

//! The files of a jail in `/sys/kernel/security/jaula`: which there are, who may see and write them,
//! and what they hold.
//!
//! `securityfs.c` calls these functions as the current task, in process context with no lock held.

use crate::{
    allowance::{self, Allowance, Change},
    exported::exported,
    jail::{allowance_of, number_of, relation, Jail},
    members::State,
    number,
    policy::{self, Access, Class, Resource, Verdict},
    task::Subject,
    tree,
    value::{self, Name, NO_LIMIT},
};
use core::{
    ffi::c_void,
    ptr::{self, NonNull},
    slice,
};
use kernel::{
    bindings::{self, get_current},
    c_str,
    ffi::{c_char, c_int},
    prelude::*,
    str::CStr,
    types::ARef,
};

exported!(
    jaula_fs_lookup,
    jaula_fs_next,
    jaula_fs_revalidate,
    jaula_fs_find,
    jaula_fs_name,
    jaula_fs_mode,
    jaula_fs_open,
    jaula_fs_close,
    jaula_fs_read,
    jaula_fs_write,
);

/// The interface that these files, the system calls and `/proc/PID/attr/jaula` make up.
const ABI_VERSION: u64 = 5;

/// The faults of the interface that this kernel does not have, of those that some had: a bit each. What a
/// bit stands for is in the documentation, and none is given another meaning.
const ERRATA: u64 = (1 << 7) - 1;

/// All that may be in a file has room in the buffers of `securityfs.c`.
const _: () = assert!(allowance::NAMES_LENGTH < bindings::JAULA_FILE_MAX as usize);

/// What is in a file.
#[derive(Clone, Copy)]
enum File {
    Number,
    Parent,
    Name,
    Created,
    State,
    Used(Resource),
    Limit(Resource),
    Persist,
    Refused(Class),
    Refusals(Resource),
    Allow,
}

/// All files of a jail, in the order in which they are listed.
const FILES: [(&CStr, File); 36] = [
    (c_str!("number"), File::Number),
    (c_str!("parent"), File::Parent),
    (c_str!("name"), File::Name),
    (c_str!("created"), File::Created),
    (c_str!("state"), File::State),
    (c_str!("persist"), File::Persist),
    (c_str!("tasks"), File::Used(Resource::Tasks)),
    (c_str!("sem"), File::Used(Resource::Sem)),
    (c_str!("shm"), File::Used(Resource::Shm)),
    (c_str!("msg"), File::Used(Resource::Msg)),
    (c_str!("shm_bytes"), File::Used(Resource::ShmBytes)),
    (c_str!("children"), File::Used(Resource::Children)),
    (c_str!("tasks.max"), File::Limit(Resource::Tasks)),
    (c_str!("sem.max"), File::Limit(Resource::Sem)),
    (c_str!("shm.max"), File::Limit(Resource::Shm)),
    (c_str!("msg.max"), File::Limit(Resource::Msg)),
    (c_str!("shm_bytes.max"), File::Limit(Resource::ShmBytes)),
    (c_str!("children.max"), File::Limit(Resource::Children)),
    (c_str!("allow"), File::Allow),
    (c_str!("refusals.sysvipc"), File::Refused(Class::SysvIpc)),
    (c_str!("refusals.signal"), File::Refused(Class::Signal)),
    (c_str!("refusals.ptrace"), File::Refused(Class::Ptrace)),
    (c_str!("refusals.sched"), File::Refused(Class::Sched)),
    (c_str!("refusals.unix"), File::Refused(Class::Unix)),
    (c_str!("refusals.mqueue"), File::Refused(Class::Mqueue)),
    (c_str!("refusals.key"), File::Refused(Class::Key)),
    (c_str!("refusals.io_uring"), File::Refused(Class::IoUring)),
    (c_str!("refusals.proc"), File::Refused(Class::Proc)),
    (
        c_str!("refusals.capability"),
        File::Refused(Class::Capability),
    ),
    (c_str!("refusals.exec"), File::Refused(Class::Exec)),
    (c_str!("refusals.tasks"), File::Refusals(Resource::Tasks)),
    (c_str!("refusals.sem"), File::Refusals(Resource::Sem)),
    (c_str!("refusals.shm"), File::Refusals(Resource::Shm)),
    (c_str!("refusals.msg"), File::Refusals(Resource::Msg)),
    (
        c_str!("refusals.shm_bytes"),
        File::Refusals(Resource::ShmBytes),
    ),
    (
        c_str!("refusals.children"),
        File::Refusals(Resource::Children),
    ),
];

impl File {
    fn is_writable(self) -> bool {
        matches!(
            self,
            File::Name | File::Limit(_) | File::Persist | File::Allow
        )
    }

    fn at(index: c_int) -> Option<Self> {
        let (_, file) = FILES.get(usize::try_from(index).ok()?)?;
        Some(*file)
    }
}

/// What a file holds, before the newline.
enum Value {
    Number(u64),
    Limit(u64),
    Time(u64),
    Text(&'static str),
    Name(Option<Name>),
    Allowance(Allowance),
}

/// Asks the policy about the current task and `jail`.
fn decide(jail: &Jail, access: Access) -> Verdict {
    // SAFETY: It is the current task, and the value ends with this function.
    let subject = unsafe { Subject::from_current(get_current()) };

    policy::decide(relation(subject.jail(), Some(jail)), access)
}

/// Finds a jail that the current task may see.
fn find_visible(number: u32) -> Option<ARef<Jail>> {
    number::find(number).filter(|jail| decide(jail, Access::SeeJail) == Verdict::Allow)
}

/// Tells whether the current task may write to the files of a jail.
fn check_administers(jail: &Jail) -> Result {
    // SAFETY: It is the current task, and the value ends with this function.
    let subject = unsafe { Subject::from_current(get_current()) };
    let relation = relation(subject.jail(), Some(jail));

    match policy::decide(relation, Access::AdministerJail) {
        Verdict::Allow if subject.is_capable(bindings::CAP_SYS_ADMIN) => Ok(()),
        _ => Err(EPERM),
    }
}

fn read(jail: &Jail, file: File) -> Result<Value> {
    let mut members = jail.members.lock();

    if members.state == State::Dead {
        return Err(ENODEV);
    }
    Ok(match file {
        File::Number => Value::Number(jail.number().into()),
        File::Parent => Value::Number(number_of(jail.parent()).into()),
        File::Name => {
            drop(members);
            Value::Name(tree::name(jail))
        }
        File::Created => Value::Time(jail.created),
        File::State => Value::Text(match members.state {
            State::Alive => "alive",
            State::Dying | State::Dead => "dying",
        }),
        File::Persist => Value::Number(members.persist.into()),
        File::Used(resource) => Value::Number(members.account(resource).used),
        File::Limit(resource) => Value::Limit(members.account(resource).max),
        File::Refused(class) => Value::Number(jail.refusals(class)),
        File::Allow => Value::Allowance(jail.allowance()),
        File::Refusals(resource) => Value::Number(members.account(resource).refused),
    })
}

fn write(jail: &Jail, file: File, text: &[u8]) -> Result {
    match file {
        File::Name => tree::set_name(jail, Name::parse(text).ok_or(EINVAL)?),
        File::Persist => jail.set_persist(value::parse_switch(text).ok_or(EINVAL)?),
        File::Limit(resource) => {
            let limit = match resource {
                Resource::Children => value::parse_count(text),
                _ => value::parse_limit(text),
            };
            let limit = limit.ok_or(EINVAL)?;
            check_grants(jail, resource, limit)?;
            jail.set_limit(resource, limit)
        }
        File::Allow => set_allowance(jail, text),
        _ => Err(EPERM),
    }
}

/// Changes what a jail is allowed. Nobody gives what those do not have that the jail is in.
fn set_allowance(jail: &Jail, text: &[u8]) -> Result {
    let members = jail.members.lock();
    if members.state == State::Dead {
        return Err(ENODEV);
    }
    let change = Change::parse(text).ok_or(EINVAL)?;
    if !change.gives().is_within(allowance_of(jail.parent())) {
        return Err(EPERM);
    }
    // Not of what counts at this moment: what those around it lack they can be given again.
    jail.set_allowance(change.of(jail.own_allowance()));
    drop(members);
    Ok(())
}

/// Tells whether the current task may allow a jail this much: whoever is bounded by limits gives away
/// no more than it has.
fn check_grants(jail: &Jail, resource: Resource, limit: u64) -> Result {
    let Some(parent) = jail.parent() else {
        return Ok(());
    };
    if decide(parent, Access::AdministerJail) == Verdict::Allow {
        return Ok(());
    }
    if limit > parent.members.lock().account(resource).max {
        return Err(EPERM);
    }
    Ok(())
}

/// Returns the number of the jail whose directory has this name, 0 when the current task sees none.
///
/// # Safety
///
/// `name` must be valid for reading `length` bytes.
#[no_mangle]
unsafe extern "C" fn jaula_fs_lookup(name: *const c_char, length: usize) -> u32 {
    // SAFETY: By the requirements of this function.
    let name = unsafe { slice::from_raw_parts(name.cast(), length) };

    value::parse_jail_number(name)
        .and_then(find_visible)
        .map_or(0, |jail| jail.number())
}

/// Returns the lowest number from `first` on of a jail that the current task sees, 0 when there is
/// none.
#[no_mangle]
extern "C" fn jaula_fs_next(first: u32) -> u32 {
    let mut first = first;

    while let Some(jail) = number::find_from(first) {
        if decide(&jail, Access::SeeJail) == Verdict::Allow {
            return jail.number();
        }
        first = jail.number() + 1;
    }
    0
}

/// Tells about the directory of a jail: 1 when the current task sees it, 0 when the jail is gone, an
/// error when it is not for the current task to see.
#[no_mangle]
extern "C" fn jaula_fs_revalidate(number: u32) -> c_int {
    match number::find(number) {
        None => 0,
        Some(jail) if decide(&jail, Access::SeeJail) == Verdict::Allow => 1,
        Some(_) => ENOENT.to_errno(),
    }
}

/// Returns the index of the file that has this name, -1 when there is none.
///
/// # Safety
///
/// `name` must be valid for reading `length` bytes.
#[no_mangle]
unsafe extern "C" fn jaula_fs_find(name: *const c_char, length: usize) -> c_int {
    // SAFETY: By the requirements of this function.
    let name: &[u8] = unsafe { slice::from_raw_parts(name.cast(), length) };

    FILES
        .iter()
        .position(|(file, _)| file.as_bytes() == name)
        .map_or(-1, |index| index as c_int)
}

/// Returns the name of a file, null after the last one.
#[no_mangle]
extern "C" fn jaula_fs_name(index: c_int) -> *const c_char {
    usize::try_from(index)
        .ok()
        .and_then(|index| FILES.get(index))
        .map_or(ptr::null(), |(name, _)| name.as_char_ptr())
}

/// Returns the permissions of a file.
#[no_mangle]
extern "C" fn jaula_fs_mode(index: c_int) -> u16 {
    if File::at(index).is_some_and(File::is_writable) {
        0o644
    } else {
        0o444
    }
}

/// Opens a file of a jail. On success, which is 0, `jail` is a reference to it, to be given back to
/// [`jaula_fs_close`].
///
/// # Safety
///
/// `jail` must be valid for writing.
#[no_mangle]
unsafe extern "C" fn jaula_fs_open(number: u32, write: bool, jail: *mut *mut c_void) -> c_int {
    let Some(found) = find_visible(number) else {
        return ENOENT.to_errno();
    };
    if write {
        if let Err(error) = check_administers(&found) {
            return error.to_errno();
        }
    }
    // SAFETY: By the requirements of this function.
    unsafe { jail.write(ARef::into_raw(found).as_ptr().cast()) };
    0
}

/// Closes a file.
///
/// # Safety
///
/// `jail` must come from [`jaula_fs_open`], and not be used any more.
#[no_mangle]
unsafe extern "C" fn jaula_fs_close(jail: *mut c_void) {
    // SAFETY: By the requirements of this function.
    drop(unsafe { ARef::<Jail>::from_raw(NonNull::new_unchecked(jail.cast())) });
}

/// Puts what a file holds into a buffer, and returns its length or an error. A null `jail` stands for
/// the files that tell of the interface.
///
/// # Safety
///
/// `jail` must be null or come from [`jaula_fs_open`], and `buffer` be valid for writing `size`
/// bytes, which must be at least `JAULA_FILE_MAX`.
#[no_mangle]
unsafe extern "C" fn jaula_fs_read(
    jail: *mut c_void,
    index: c_int,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let value = match unsafe { jail.cast::<Jail>().as_ref() } {
        None if index == bindings::JAULA_FILE_ERRATA as c_int => Ok(Value::Number(ERRATA)),
        None => Ok(Value::Number(ABI_VERSION)),
        Some(jail) => File::at(index)
            .ok_or(EINVAL)
            .and_then(|file| read(jail, file)),
    };
    let text = match &value {
        Err(error) => return error.to_errno(),
        // In C: formatting 64 bits in Rust takes a division that 32-bit machines have no
        // instruction for.
        // SAFETY: By the requirements of this function.
        Ok(Value::Number(number)) => unsafe {
            return bindings::jaula_print_number(buffer, size, *number);
        },
        Ok(Value::Limit(NO_LIMIT)) => "max",
        // SAFETY: As above.
        Ok(Value::Limit(limit)) => unsafe {
            return bindings::jaula_print_number(buffer, size, *limit);
        },
        // SAFETY: As above.
        Ok(Value::Time(time)) => unsafe {
            return bindings::jaula_print_time(buffer, size, *time);
        },
        Ok(Value::Text(text)) => text,
        Ok(Value::Name(name)) => name.as_ref().map_or("", Name::as_str),
        Ok(Value::Allowance(allowance)) => {
            // SAFETY: By the requirements of this function.
            let buffer = unsafe { slice::from_raw_parts_mut(buffer.cast(), size) };
            return put(buffer, allowance.names());
        }
    };
    // SAFETY: By the requirements of this function.
    let buffer = unsafe { slice::from_raw_parts_mut(buffer.cast(), size) };
    put(buffer, [text])
}

/// Puts words into a buffer, which must have room for them, with spaces between them and a newline at
/// the end. Returns how long that is.
fn put<'a>(buffer: &mut [u8], words: impl IntoIterator<Item = &'a str>) -> c_int {
    let mut length = 0;

    for word in words {
        let end = (length + word.len()).min(buffer.len() - 1);
        buffer[length..end].copy_from_slice(&word.as_bytes()[..end - length]);
        buffer[end] = b' ';
        length = (end + 1).min(buffer.len() - 1);
    }
    let end = length.saturating_sub(1);
    buffer[end] = b'\n';
    end as c_int + 1
}

/// Takes what was written to a file. Returns 0 or an error.
///
/// # Safety
///
/// `jail` must be null or come from [`jaula_fs_open`], and `text` be valid for reading `length`
/// bytes.
#[no_mangle]
unsafe extern "C" fn jaula_fs_write(
    jail: *mut c_void,
    index: c_int,
    text: *const c_char,
    length: usize,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let jail = unsafe { jail.cast::<Jail>().as_ref() };
    // SAFETY: As above.
    let text = unsafe { slice::from_raw_parts(text.cast(), length) };
    let (Some(jail), Some(file)) = (jail, File::at(index)) else {
        return EPERM.to_errno();
    };

    check_administers(jail)
        .and_then(|()| write(jail, file, text))
        .map_or_else(|error| error.to_errno(), |()| 0)
}
