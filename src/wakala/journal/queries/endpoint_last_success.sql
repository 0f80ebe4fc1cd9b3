SELECT last_success_us FROM endpoint_health WHERE lane = ?
