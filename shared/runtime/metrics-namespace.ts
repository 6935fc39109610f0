/** Of the metrics in CloudWatch. */
export const METRICS_NAMESPACE = 'JobberTokens';
