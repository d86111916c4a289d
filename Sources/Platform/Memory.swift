import CPlatform

/// Gives memory back that was freed but is kept by the C library for later. Worth its milliseconds after something that
/// needed hundreds of megabytes for once.
public func releaseUnusedMemory() { cplatform_trim() }
