/**
 * What one look at the driver shows. Each fact stands for itself: what an old driver cannot say, or a sick device does
 * not, is missing with its reason, and the rest is there. Issue 7 adds facts to `deviceSchema`, nothing else moves.
 */
import { z } from 'zod'
import { LIMITS } from '../base/index.ts'

const text = z.string().max(LIMITS.gpuTextCharsMax)

/**
 * Why a fact is missing:
 * - `unsupported`: this driver or device never tells it, or not to this user.
 * - `lost`: the device has gone, or fell off its bus, or must be reset before anything can be said of it.
 * - `failed`: the driver should have told it, and did not.
 */
const absenceSchema = z.strictObject({ missing: z.enum(['unsupported', 'lost', 'failed']), reason: text })

const fact = <Value extends z.ZodType>(value: Value) =>
  z.union([z.strictObject({ value }).readonly(), absenceSchema.readonly()])

const bytes = z.number().int().nonnegative()

const processSchema = z.strictObject({
  /** As the driver counts: in the first pid namespace of the machine. */
  pid: z.number().int().nonnegative(),
  /** Missing where the driver does not keep account. */
  usedBytes: bytes.optional(),
})

const deviceSchema = z.strictObject({
  /** The driver's number: of this look only, it changes with what is plugged in. */
  index: z.number().int().nonnegative(),
  uuid: fact(text),
  name: fact(text),
  memory: fact(z.strictObject({ totalBytes: bytes, usedBytes: bytes })),
  /** Processes with a compute context (CUDA, OptiX) on the device. */
  processes: fact(z.array(processSchema).max(LIMITS.gpuProcessesMax).readonly()),
})

export const driverLookSchema = z.discriminatedUnion('state', [
  /** Nothing to look at: no driver, or no library of it. */
  z.strictObject({ state: z.literal('absent'), reason: text }),
  /** A driver is there and cannot be used: not loaded, or of another version than its library. */
  z.strictObject({ state: z.literal('unusable'), reason: text }),
  /** A driver is there and does not answer, or takes the process that asks it down. */
  z.strictObject({ state: z.literal('silent'), reason: text }),
  z.strictObject({
    state: z.literal('ready'),
    driverVersion: fact(text),
    nvmlVersion: fact(text),
    devices: z.array(deviceSchema).max(LIMITS.gpuDevicesMax).readonly(),
  }),
])

export type DriverLook = Readonly<z.output<typeof driverLookSchema>>
export type Device = Readonly<z.output<typeof deviceSchema>>
export type DeviceProcess = Readonly<z.output<typeof processSchema>>
export type Absence = Readonly<z.output<typeof absenceSchema>>
/** One fact, or why it cannot be had. */
export type Fact<Value> = { readonly value: Value } | Absence
