/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jaula - tracepoints
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM jaula

#if !defined(_SECURITY_JAULA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _SECURITY_JAULA_TRACE_H

#include <linux/tracepoint.h>

/* What the current task does to a jail, and the jail that it does it from. */
DECLARE_EVENT_CLASS(jaula_jail,
	TP_PROTO(u32 jail, u32 from),
	TP_ARGS(jail, from),
	TP_STRUCT__entry(
		__field(u32, jail)
		__field(u32, from)
	),
	TP_fast_assign(
		__entry->jail = jail;
		__entry->from = from;
	),
	TP_printk("jail=%u from=%u", __entry->jail, __entry->from)
);

DEFINE_EVENT(jaula_jail, jaula_create,
	TP_PROTO(u32 jail, u32 from),
	TP_ARGS(jail, from)
);

DEFINE_EVENT(jaula_jail, jaula_attach,
	TP_PROTO(u32 jail, u32 from),
	TP_ARGS(jail, from)
);

DEFINE_EVENT(jaula_jail, jaula_destroy,
	TP_PROTO(u32 jail, u32 from),
	TP_ARGS(jail, from)
);

TRACE_EVENT(jaula_refuse,
	TP_PROTO(const struct jaula_refusal *refusal),
	TP_ARGS(refusal),
	TP_STRUCT__entry(
		__field(u32, jail)
		__field(u32, owner)
		__string(call, refusal->call)
		__string(command, refusal->command ?: "")
		__string(kind, refusal->kind)
		__field(int, id)
		__field(u32, key)
	),
	TP_fast_assign(
		__entry->jail = refusal->jail;
		__entry->owner = refusal->owner;
		__assign_str(call);
		__assign_str(command);
		__assign_str(kind);
		__entry->id = refusal->id;
		__entry->key = refusal->key;
	),
	TP_printk("jail=%u owner=%u call=%s cmd=%s kind=\"%s\" id=%d key=0x%x",
		  __entry->jail, __entry->owner, __get_str(call),
		  __get_str(command), __get_str(kind), __entry->id,
		  __entry->key)
);

/* The current task was refused what a jail has as much of as it may. */
TRACE_EVENT(jaula_limit,
	TP_PROTO(u32 jail, const char *limit),
	TP_ARGS(jail, limit),
	TP_STRUCT__entry(
		__field(u32, jail)
		__string(limit, limit)
	),
	TP_fast_assign(
		__entry->jail = jail;
		__assign_str(limit);
	),
	TP_printk("jail=%u limit=%s", __entry->jail, __get_str(limit))
);

#endif /* _SECURITY_JAULA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
