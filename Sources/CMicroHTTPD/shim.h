#pragma once
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

/* What Swift cannot reach in libmicrohttpd: variadic functions and macros. No logic. */

typedef void *_Nullable (*cmicrohttpd_target_function)(void *_Nullable context, const char *_Nonnull target,
                                                       struct MHD_Connection *_Nonnull connection);

/* Listens on 127.0.0.1, with a thread for each connection; with TLS when a key and a certificate (PEM) are given. */
static inline struct MHD_Daemon *_Nullable cmicrohttpd_start(
    uint16_t port, void *_Nullable context, MHD_AccessHandlerCallback _Nonnull handler,
    cmicrohttpd_target_function _Nonnull target, MHD_RequestCompletedCallback _Nonnull completed,
    MHD_NotifyConnectionCallback _Nonnull connection, const char *_Nullable key, const char *_Nullable certificate) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
  struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
                                 {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
                                 {MHD_OPTION_END, 0, NULL}};
  struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
  int is_tls = key && certificate;
  return MHD_start_daemon(flags | (is_tls ? MHD_USE_TLS : 0), port, NULL, NULL, handler, context,
                          MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_TIMEOUT, 120u,
                          MHD_OPTION_URI_LOG_CALLBACK, target, context, MHD_OPTION_NOTIFY_COMPLETED, completed, context,
                          MHD_OPTION_NOTIFY_CONNECTION, connection, context,
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(128 << 10), MHD_OPTION_ARRAY,
                          is_tls ? tls : plain, MHD_OPTION_END);
}

static inline uint16_t cmicrohttpd_port(struct MHD_Daemon *_Nonnull daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

/* What the connection callback put into its socket context. */
static inline void *_Nullable cmicrohttpd_socket_context(struct MHD_Connection *_Nonnull connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

/* Constants under names that do not depend on how an enum is imported. */
static const enum MHD_Result cmicrohttpd_go_on = MHD_YES;
static const enum MHD_Result cmicrohttpd_close = MHD_NO;
static const enum MHD_ValueKind cmicrohttpd_headers = MHD_HEADER_KIND;
static const enum MHD_ValueKind cmicrohttpd_query = MHD_GET_ARGUMENT_KIND;
static const enum MHD_ResponseMemoryMode cmicrohttpd_copy = MHD_RESPMEM_MUST_COPY;
static const enum MHD_ConnectionNotificationCode cmicrohttpd_started = MHD_CONNECTION_NOTIFY_STARTED;
static const ssize_t cmicrohttpd_end_with_error = MHD_CONTENT_READER_END_WITH_ERROR;
static const ssize_t cmicrohttpd_end = MHD_CONTENT_READER_END_OF_STREAM;
