//! The two calls that `virt` does not cover: lifecycle events, and statistics of all domains at once. The only file of this crate
//! with `unsafe` in it; nothing that it gives away holds a pointer.
#![expect(
    unsafe_code,
    reason = "libvirt's C interface, wrapped here and nowhere else"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use virt::connect::Connect;
use virt::error::Error;
use virt_sys as sys;

use crate::Wake;

/// A registration for events; the connection cannot be closed for good before it is taken back.
#[derive(Debug)]
pub(crate) struct Watch(c_int);

/// Calls `wake` whenever a domain of this connection is defined, started, stopped, suspended or resumed. Needs the event loop.
pub(crate) fn watch(connection: &Connect, wake: Wake) -> Result<Watch, Error> {
    let opaque = Box::into_raw(Box::new(wake)).cast::<c_void>();
    // SAFETY: libvirt takes every kind of callback as the generic one and casts it back by the event's id; the type below is the one
    // that it documents for VIR_DOMAIN_EVENT_ID_LIFECYCLE.
    let callback: sys::virConnectDomainEventGenericCallback =
        unsafe { std::mem::transmute::<sys::virConnectDomainEventCallback, _>(Some(lifecycle)) };
    let event = sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE.cast_signed();
    // SAFETY: the connection is open, no domain means all of them, and `opaque` lives until libvirt calls `forget` with it.
    let id = unsafe {
        sys::virConnectDomainEventRegisterAny(
            connection.as_ptr(),
            ptr::null_mut(),
            event,
            callback,
            opaque,
            Some(forget),
        )
    };
    if id < 0 {
        let cause = Error::last_error();
        // SAFETY: where it could not register, libvirt calls neither function, and the box is ours again.
        unsafe { forget(opaque) };
        return Err(cause);
    }
    Ok(Watch(id))
}

/// Ends a registration. What goes wrong says only that the connection is dead, and the registration with it.
pub(crate) fn unwatch(connection: &Connect, watch: &Watch) {
    // SAFETY: the connection is open and the id is of a registration with it.
    unsafe { sys::virConnectDomainEventDeregisterAny(connection.as_ptr(), watch.0) };
}

unsafe extern "C" fn lifecycle(
    _: sys::virConnectPtr,
    _: sys::virDomainPtr,
    _event: c_int,
    _detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: `opaque` is the box of `watch`, which is not freed before `forget`, and a `Wake` may be called from any thread.
    let wake = unsafe { &*opaque.cast::<Wake>() };
    // A panic must not run into C; whoever gave the function has been told by the panic's message.
    let _ = catch_unwind(AssertUnwindSafe(|| wake()));
    0
}

unsafe extern "C" fn forget(opaque: *mut c_void) {
    // SAFETY: `opaque` is the box of `watch`, and this is called once for each.
    drop(unsafe { Box::from_raw(opaque.cast::<Wake>()) });
}

/// What one domain counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Its name.
    pub(crate) name: String,
    /// The numbers among its values, by libvirt's names: `cpu.time`, `net.0.rx.bytes`. None of them is ever negative.
    pub(crate) values: BTreeMap<String, u64>,
}

/// The statistics of these groups (`VIR_DOMAIN_STATS_…`) of all domains, running or not. A domain that is busy gives what can be told
/// without waiting for it.
pub(crate) fn statistics(connection: &Connect, groups: u32) -> Result<Vec<Counted>, Error> {
    let mut records: *mut sys::virDomainStatsRecordPtr = ptr::null_mut();
    // SAFETY: the connection is open, and `records` is where libvirt puts an array of its own.
    let count = unsafe {
        sys::virConnectGetAllDomainStats(
            connection.as_ptr(),
            groups,
            &raw mut records,
            sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
        )
    };
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::last_error());
    };
    let all = (0..count).map(|index| {
        // SAFETY: libvirt has filled in `count` records, each with a domain and `nparams` parameters.
        unsafe { read(&**records.add(index)) }
    });
    let all = all.collect();
    // SAFETY: the array is libvirt's, ends with a null pointer, and nothing of it is held any more.
    unsafe { sys::virDomainStatsRecordListFree(records) };
    Ok(all)
}

/// # Safety
/// The record is one that libvirt has filled in.
unsafe fn read(record: &sys::_virDomainStatsRecord) -> Counted {
    // SAFETY: the name belongs to the domain, which lives as long as the record.
    let name = unsafe { text(sys::virDomainGetName(record.dom)) };
    let count = usize::try_from(record.nparams).unwrap_or(0);
    let values = (0..count).filter_map(|index| {
        // SAFETY: there are `nparams` parameters.
        let parameter = unsafe { &*record.params.add(index) };
        let key = unsafe { text(parameter.field.as_ptr()) };
        let value = &parameter.value;
        // SAFETY: the type tells which field of the union was written.
        let number = unsafe {
            match parameter.type_.cast_unsigned() {
                sys::VIR_TYPED_PARAM_INT => u64::try_from(value.i).ok(),
                sys::VIR_TYPED_PARAM_UINT => Some(u64::from(value.ui)),
                sys::VIR_TYPED_PARAM_LLONG => u64::try_from(value.l).ok(),
                sys::VIR_TYPED_PARAM_ULLONG => Some(value.ul),
                _ => None,
            }
        };
        Some((key, number?))
    });
    Counted {
        name,
        values: values.collect(),
    }
}

/// # Safety
/// `text` is null, or a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by this function's own condition.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
