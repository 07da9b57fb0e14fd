/**
 * PostgreSQL as the rest of Whiskers sees it: a server's or the embedded one's. Statements use `$1`
 * placeholders and the one SQL dialect that both speak (PostgreSQL 13 and later).
 */
export interface Database extends Connection {
  readonly kind: "server" | "embedded";
  /** Server version as it names itself, `15.8`. */
  readonly version: string;
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. Use only
   * the connection it is given; a call of the database itself inside would wait for itself.
   */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Waits for statements under way, then ends every connection. Idempotent. */
  close(): Promise<void>;
}

export interface Connection {
  /** One statement. @throws the server's error, with its SQLSTATE as `code` */
  query<Row extends object>(statement: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Several statements without values, separated by `;`. Returns the rows of all of them. */
  script(statements: string): Promise<readonly object[]>;
}
