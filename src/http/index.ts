/**
 * http: the façade. Executes the routes of `contract/` with fastify and hands what they ask for to the node; it decides
 * nothing itself but what is too long, too often or no HTTP. Plain HTTP: enrolment is safe on it (ADR 0005).
 */
export type { EnrolHandler } from './enrol-route.ts'
export { createFacade, type Facade } from './facade.ts'
