/** Annotation of an SLO with what OpenSLO has no field for: a part of the short form, as JSON. */
export const SETTINGS_KEY = "tocsin/settings";
/** Annotation of an alert condition with its short window, where that is no twelfth of the long one. */
export const SHORT_WINDOW_KEY = "tocsin/short-window";
/** Annotation of an alert condition with its long window, where that is no whole number of minutes. */
export const LONG_WINDOW_KEY = "tocsin/long-window";
