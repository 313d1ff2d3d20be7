/**
 * gpu: what the driver of this machine's GPUs says of them, asked through NVML in a process of its own, so that a driver that hangs
 * stalls nobody. Reports and decides nothing. No driver, no library, an old one: a clear answer with its reason.
 *
 *   DriverClient ── ProbeProcess ══ IPC ══ probe-main ── NvmlDriver ── NvmlLibrary (koffi) ── libnvidia-ml.so.1
 */
export { DriverClient } from './driver-client.ts'
export type { Device, DriverLook } from './driver-look.ts'
