#pragma once
#include <stddef.h>

/* What Swift cannot reach in glibc: macros, variadics and functions behind _GNU_SOURCE. No logic. */

/* An eventfd, nonblocking and close-on-exec; -1 with errno on failure. */
int cplatform_eventfd(void);
/* Names the calling thread (at most 15 bytes are kept). */
void cplatform_thread_name(const char *_Nonnull name);
/* Columns of the terminal behind a descriptor; 0 when it is none. */
int cplatform_terminal_columns(int descriptor);
/* Sends one sd_notify message to a socket, by path or by @name in the abstract name space, and waits so long at most
   while its queue is full. 0, or -errno; -EAGAIN when it stayed full. */
int cplatform_notify(const char *_Nonnull path, const char *_Nonnull message, int milliseconds);
/* How many heaps malloc makes at most. */
void cplatform_limit_heaps(int count);

/* Keeps the process's memory out of core dumps, also of those that go to a program, and from other processes of the user. */
void cplatform_forbid_dumps(void);

/* Gives memory that was freed back to the system. */
void cplatform_trim(void);
