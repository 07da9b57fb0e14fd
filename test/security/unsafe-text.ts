/** What may steer a terminal or hide what a line says: control characters but tab and line break, bidi controls. */
export const UNSAFE_TEXT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
