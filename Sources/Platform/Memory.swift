import CPlatform

/// Lets threads allocate from two heaps. glibc gives each thread one of its own, and each keeps what its thread once needed:
/// with a thread for every connection that is a sixth of the memory of a syncer that has nothing to do. To be called
/// before other threads begin.
public func limitHeaps() { cplatform_limit_heaps(2) }

/// Gives memory back that was freed but is kept by the C library for later. Worth its milliseconds after something that
/// needed hundreds of megabytes for once.
public func releaseUnusedMemory() { cplatform_trim() }

/// Keeps secrets in memory out of core dumps, of this process and of those that it starts. A limit of 0 does not hold for
/// dumps that the system hands to a program, so the process is also marked as not to be dumped.
public func forbidCoreDumps() { cplatform_forbid_dumps() }
