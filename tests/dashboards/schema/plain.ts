import type {Dashboard} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';

/** T as it stands in JSON: the value of an enumeration is a string there, and still one of its own. */
type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : { [Key in keyof T]: Plain<T[Key]> };

export type PlainDashboard = Plain<Dashboard>;
