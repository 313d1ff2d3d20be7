/**
 * contract: the façade's routes and the shapes on its wire, as data: no server, no client. What the older OpenAPI
 * document fixes stays as it is; what we add says so (`origin`).
 */
export { fromBase64url, toBase64url } from './bytes-text.ts'
export { type EnrolAnswer, type EnrolRequest, enrolAnswerSchema, enrolRequestSchema } from './enrol.ts'
export { type ErrorBody, errorBodySchema } from './error-body.ts'
export { allowedMethods, ROUTES } from './routes.ts'
