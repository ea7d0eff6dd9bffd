/** What all content types of gRPC begin with. */
export const GRPC = 'application/grpc';
/** Of an exchange: no status was said, or it is no call of gRPC. */
export const NO_GRPC_STATUS = -1;

/** `application/grpc`, perhaps with `+proto` or parameters; gRPC-Web is another protocol. */
export function isGrpcType(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.startsWith(GRPC)) return false;
  const next = contentType[GRPC.length];
  return next === undefined || next === '+' || next === ';';
}
